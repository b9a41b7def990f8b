"""What all vCPUs of the partition share, and what the hypervisor knows of each of them.

Ref: LoPAR 14.11.3 (virtual processor areas), 14.5.4.2 (partition-wide resources).
"""

import threading
from dataclasses import dataclass, field
from enum import Enum

from jitppc.ir.layout import LPCR, MSR
from jitppc.spapr.associativity import Form
from jitppc.spapr.memory_map import GRA_MASK
from jitppc.spapr.ports import GuestMemory, Vcpu

PATE1_GR = 1 << 63
DISPATCH_COUNTER_OFFSET = 0x100


class VcpuState(Enum):
    """Whether RTAS has started a vCPU. Ref: LoPAR 7.3.8 (query-cpu-stopped-state)."""

    STOPPED = 0
    RUNNING = 2


@dataclass(slots=True, eq=False)
class VcpuRecord:
    """One vCPU with its RTAS state, its registered areas and what wakes it."""

    vcpu: Vcpu
    state: VcpuState = VcpuState.STOPPED
    slb_shadow: int = 0
    dtl: int = 0
    is_joined: bool = False
    has_fwnmi_reset: bool = False
    wake: threading.Event = field(default_factory=threading.Event)

    @property
    def vcpu_id(self) -> int:
        return self.vcpu.vcpu_id

    def reset(self) -> None:
        self.state = VcpuState.STOPPED
        self.vcpu.vpa = self.vcpu.dispatches = self.slb_shadow = self.dtl = 0
        self.is_joined = self.vcpu.is_prodded = self.has_fwnmi_reset = False
        self.wake.clear()

    def prod(self) -> None:
        """The vCPU leaves H_CEDE, H_JOIN or H_CONFER, or does not enter the next one."""
        self.vcpu.is_prodded = True
        self.is_joined = False
        self.wake.set()
        self.vcpu.request_stop()

    def count_dispatch(self, memory: GuestMemory, is_running: bool) -> None:
        """The dispatch counter of the VPA is even while running and odd while not.

        H_CEDE mostly waits, and counts, in native code.
        Ref: LoPAR 14.11.3.4 (VPA byte offset 0x100).
        """
        vcpu, wanted = self.vcpu, 0 if is_running else 1
        if vcpu.dispatches & 1 != wanted:
            vcpu.dispatches = vcpu.dispatches + 1 & 0xFFFFFFFF
        if vcpu.vpa:
            data = vcpu.dispatches.to_bytes(4, "big")
            memory.write(vcpu.vpa + DISPATCH_COUNTER_OFFSET, data)


@dataclass(slots=True)
class Partition:
    """State that hypercalls of one vCPU change for all of them; `lock` guards it."""

    records: list[VcpuRecord]
    process_table_dw1: int = PATE1_GR
    has_gtse: bool = True
    hash_table_log2: int = 0
    prepared_hash_table_log2: int = 0
    hash_page_limit_log2: int = 16
    compat: str | None = None
    affinity: Form = Form.FORM1
    ail: int = 0
    is_little_endian: bool = False
    fwnmi_system_reset: int = 0
    fwnmi_machine_check: int = 0
    rtas_base: int = 0
    lock: threading.RLock = field(default_factory=threading.RLock)

    def reset(self) -> None:
        for record in self.records:
            record.reset()
        self.process_table_dw1, self.has_gtse = PATE1_GR, True
        self.hash_table_log2 = self.prepared_hash_table_log2 = 0
        self.compat = None
        self.affinity = Form.FORM1
        self.ail, self.is_little_endian = 0, False
        self.fwnmi_system_reset = self.fwnmi_machine_check = self.rtas_base = 0

    def record(self, vcpu_id: int) -> VcpuRecord | None:
        return next((record for record in self.records if record.vcpu_id == vcpu_id), None)

    def running(self) -> list[VcpuRecord]:
        return [record for record in self.records if record.state is VcpuState.RUNNING]

    def wake_all(self) -> None:
        """Every vCPU comes back from native code, or from waiting, and looks around."""
        for record in self.records:
            record.wake.set()
            record.vcpu.request_stop()

    def set_process_table(self, dw1: int, has_gtse: bool) -> None:
        """Every vCPU translates through this process table. Ref: Power ISA 3.0B Book III 5.7.6."""
        self.process_table_dw1, self.has_gtse = dw1, has_gtse
        for record in self.records:
            self.apply_mmu(record.vcpu)

    def set_hash_table(self, memory: GuestMemory, size_log2: int) -> None:
        """Every vCPU translates by an empty hashed page table of this size, or (0) does not."""
        memory.make_hash_table(size_log2, self.hash_page_limit_log2)
        self.hash_table_log2, self.prepared_hash_table_log2 = size_log2, 0
        for record in self.records:
            record.vcpu.set_hash_mode(self.has_hash_table)

    def resize_hash_table(self, size_log2: int) -> bool:
        """The table has this size and kept what is bolted; False when that has no room in it."""
        if not self.records[0].vcpu.resize_hash_table(size_log2):
            return False
        self.hash_table_log2, self.prepared_hash_table_log2 = size_log2, 0
        return True

    @property
    def has_hash_table(self) -> bool:
        return bool(self.hash_table_log2)

    def apply_mmu(self, vcpu: Vcpu) -> None:
        if self.has_hash_table:
            vcpu.set_hash_mode(True)
            return
        vcpu.set_process_table(self.process_table_dw1)
        if not self.has_gtse:
            vcpu.lpcr &= ~LPCR.GTSE

    def set_compat(self, family: str | None) -> None:
        """Every vCPU runs in this processor's compatibility mode. Ref: Book III 2.5 (PCR)."""
        self.compat = family
        for record in self.records:
            record.vcpu.set_compat(family)

    def set_ail(self, ail: int) -> None:
        self.ail = ail
        for record in self.records:
            record.vcpu.set_ail(ail)

    def set_ile(self, is_little_endian: bool) -> None:
        self.is_little_endian = is_little_endian
        for record in self.records:
            record.vcpu.set_ile(is_little_endian)

    def start(self, record: VcpuRecord, nia: int, r3: int) -> None:
        """A stopped vCPU runs from nia in 64-bit big-endian real mode. Ref: LoPAR 7.3.8.4."""
        vcpu = record.vcpu
        vcpu.reset(keeps_time=True)
        vcpu.msr = MSR.SF | MSR.ME
        vcpu.nia = nia & GRA_MASK
        vcpu.gpr[3] = r3
        self.apply_mmu(vcpu)
        vcpu.set_compat(self.compat)
        vcpu.set_ail(self.ail)
        vcpu.set_ile(self.is_little_endian)
        record.state = VcpuState.RUNNING
        record.wake.set()

    def stop(self, record: VcpuRecord) -> None:
        """The vCPU is with RTAS until start-cpu; the caller is that vCPU's own thread."""
        record.state = VcpuState.STOPPED
        record.wake.clear()
        record.vcpu.request_stop()

    def signal_system_reset(self, record: VcpuRecord) -> None:
        """System reset at 0x100, or at the vector that FWNMI has registered."""
        if record.state is not VcpuState.RUNNING:
            return
        if self.fwnmi_system_reset:
            record.has_fwnmi_reset = True
        else:
            record.vcpu.pend_system_reset()
        record.prod()


FWNMI_SAVE_OFFSET = 2048


def deliver_fwnmi_reset(partition: Partition, record: VcpuRecord, memory: GuestMemory) -> None:
    """The vCPU is at the FWNMI vector with r3 saved in the RTAS area; it must not be running.

    Ref: LoPAR 7.3.14 (firmware assisted non-maskable interrupts); Power ISA 3.0B Book III 6.5.1.
    """
    record.has_fwnmi_reset = False
    vcpu = record.vcpu
    save_gra = partition.rtas_base + FWNMI_SAVE_OFFSET + 16 * record.vcpu_id
    if not partition.rtas_base or not memory.contains(save_gra, 16):
        vcpu.pend_system_reset()
        return
    memory.write(save_gra, vcpu.gpr[3].to_bytes(8, "big") + bytes(8))
    vcpu.spr["SRR0"] = vcpu.nia
    vcpu.spr["SRR1"] = vcpu.msr & ~0x7C3F_0000
    vcpu.gpr[3] = save_gra
    vcpu.msr = MSR.SF | MSR.ME | (MSR.LE if partition.is_little_endian else 0)
    vcpu.nia = partition.fwnmi_system_reset
