"""One virtual processor: its state record, its TLBs, and the thread-safe requests to it."""

from __future__ import annotations

import logging
import os
import time
from functools import partial
from typing import Any

import numpy as np

from jitppc.frontend.levels import MODELS, Model, model_of_pvr
from jitppc.ir import layout
from jitppc.ir.layout import CODE_ENTRY, CPU_STATE, LPCR, MMU_STATE, MSR, NO_TAG, TLB_ENTRY

from .alarm import Alarm
from .code_space import aligned_zeros
from .engine import Engine
from .exits import Exit, ExitReason
from .memory import GuestMemory
from .registers import Gprs, Sprs

log = logging.getLogger(__name__)
TIMEBASE_HZ = 512_000_000
FOREVER = (1 << 63) - 1
IDLE = layout.COUNTER["idle_ns"]
#: numbers of doublewords of the state that are read often: elements of an array cost Python more
IDLE_WORD = layout.offset("counters") // 8 + IDLE
REASON, DETAIL = layout.offset("exit_reason") // 8, layout.offset("exit_detail") // 8
PROCESS_TABLE_RADIX = 1 << 63
#: MMCR0[FC]: nothing counts
MMCR0_FROZEN = 1 << 31
#: fields of CPU_STATE that are no part of the architected state
KEPT_AT_RESET = (
    "mmu", "machine", "vcpu_id", "clock_is_insns", "random_state", "retired_limit", "table",
    "hot_ring", "hot_head", "hot_tail", "seen_ring", "seen_head", "seen_tail",
    "retired", "region_insns", "counters", "interrupts",
    "unknown_count", "unknown_words", "unknown_known", "models", "problem_models",
    "here", "thread", "threads", "alarm", "prodded", "shows_hcalls", "vpa", "dispatches",
    "window_wanted",
)


def _field(name: str, doc: str) -> Any:
    def get(self: Vcpu) -> int:
        return int(self.state[name])

    def put(self: Vcpu, value: int) -> None:
        self.state[name] = value & NO_TAG
    return property(get, put, doc=doc)


def _flag(name: str, doc: str) -> Any:
    def get(self: Vcpu) -> bool:
        return bool(self.state[name])

    def put(self: Vcpu, value: bool) -> None:
        self.state[name] = int(value)
    return property(get, put, doc=doc)


def _spr(number: int, doc: str) -> Any:
    def get(self: Vcpu) -> int:
        return int(self.state["spr"][number])

    def put(self: Vcpu, value: int) -> None:
        self.state["spr"][number] = value & NO_TAG
    return property(get, put, doc=doc)


class Vcpu:
    """A processor.

    `run` executes natively without the GIL; everything else is for when it stands still, except
    `request_stop` and `pend_system_reset`.
    """

    nia = _field("nia", "Where to go on.")
    lpcr = _field("lpcr", "Logical partition control register.")
    lr = _spr(8, "Link register.")
    ctr = _spr(9, "Count register.")
    sprg0 = _spr(272, "SPRG0.")
    vpa = _field("vpa", "Real address of the virtual processor area; 0 without one.")
    dispatches = _field("dispatches", "Its dispatch counter.")
    is_prodded = _flag("prodded", "H_PROD came and nothing has returned for it yet.")
    waits_for_prod = _flag("waits_for_prod", "Its thread waits in Python for H_PROD.")
    shows_hcalls = _flag("shows_hcalls", "Every hypercall ends `run`, also what need not.")

    def __init__(
        self, engine: Engine, memory: GuestMemory, vcpu_id: int, pvr: int, clock: str = "host"
    ) -> None:
        self.vcpu_id, self.memory, self.engine = vcpu_id, memory, engine
        self._record = aligned_zeros(CPU_STATE.itemsize).view(CPU_STATE)
        self.state: Any = self._record[0]
        self._words = self._record.view(np.uint64).data
        self.address = self._record.ctypes.data
        self._mmu = aligned_zeros(MMU_STATE.itemsize).view(MMU_STATE)
        self._make_tables()
        self._alarm = Alarm(self._record["waited_for"])
        self._pvr = pvr
        #: as resets have it
        self.has_large_decrementer = model_of_pvr(pvr).has_large_decrementer
        self.space = memory.join(vcpu_id, self.address)
        self.state["here"], self.state["alarm"] = self.address, self._alarm.number
        self.state["mmu"] = self._mmu.ctypes.data
        self.state["machine"] = self.space.record.ctypes.data
        self.state["vcpu_id"] = vcpu_id
        self.state["threads"] = 1
        self.state["clock_is_insns"] = int(clock == "insns")
        seed = bytes(8) if clock == "insns" else os.urandom(8)    # a repeatable run, or secrets
        self.state["random_state"] = int.from_bytes(seed, "little") | 1
        self.state["retired_limit"] = FOREVER
        self.state["table"] = engine.handlers
        self.gpr, self.spr = Gprs(self.state["gpr"]), Sprs(self.state["spr"])
        self.python_seconds = self.native_seconds = self.native_cpu_seconds = 0.0
        self._last_return: float | None = None
        self.translator: Any = None
        self.is_silent = False          # the second of two that do the same
        memory.on_code_write = self._note_store
        memory.on_guarded_write = partial(engine.call, "rt_count_stores", self.address)
        memory.gate.attach(self._call)
        memory.call_native = engine.call
        self.reset()

    def open_windows(self) -> None:
        """Loads of the kernel's regions may go past the data TLB (native/linear_map.py)."""
        self.state["window_wanted"] = 1

    def _make_tables(self) -> None:
        mmu = self._mmu[0]
        small, big = layout.DATA_TABLE_ENTRIES, layout.KERNEL_TABLE_ENTRIES
        sizes = [small, big] + [small] * (layout.DATA_CONTEXTS - 2)
        self._data = aligned_zeros(sum(sizes) * TLB_ENTRY.itemsize).view(TLB_ENTRY)
        starts = np.concatenate(([0], np.cumsum(sizes)[:-1])).astype(np.uint64)
        mmu["data_tables"] = self._data.ctypes.data + starts * TLB_ENTRY.itemsize
        mmu["data_masks"] = (np.array(sizes) - 1) * TLB_ENTRY.itemsize
        self._spare = aligned_zeros(layout.SPARE_TABLES * big * TLB_ENTRY.itemsize)
        starts = np.arange(layout.SPARE_TABLES, dtype=np.uint64) * (big * TLB_ENTRY.itemsize)
        mmu["spare_tables"] = self._spare.ctypes.data + starts
        mmu["spare_count"] = layout.SPARE_TABLES
        table_bytes = (layout.ITLB_ENTRIES + layout.SECOND_ENTRIES) * CODE_ENTRY.itemsize
        self._code = aligned_zeros(layout.CODE_CONTEXTS * table_bytes).view(CODE_ENTRY)
        starts = np.arange(layout.CODE_CONTEXTS, dtype=np.uint64) * table_bytes
        mmu["code_tables"] = self._code.ctypes.data + starts

    def reset(self, *, keeps_time: bool = False) -> None:
        """The architected reset state; nothing translated is left.

        The Time Base begins at 0 with the first vCPU; the others have the same, and so has one that
        `keeps_time`.
        """
        with self.memory.gate.closed():
            saved = {name: self.state[name].copy() for name in KEPT_AT_RESET}
            self._record.view(np.uint8)[:] = 0
            self.memory.give_up_guards(self.space.number)
            for name, value in saved.items():
                self.state[name] = value
            self._mmu[0]["data_keys"] = NO_TAG
            self._mmu[0]["code_keys"] = NO_TAG
            # nothing known: empty all
            self._mmu[0]["data_fills"] = self._mmu[0]["code_fills"] = layout.FILL_LOG + 1
        self.state["pvr"] = self._pvr
        self.state["spr"][287] = self._pvr
        self.set_model(model_of_pvr(self._pvr))
        self.state["reserve_ea"] = NO_TAG
        self.state["lpcr"] = LPCR.LD if self.has_large_decrementer else 0
        self.state["spr"][275] = 0
        self.spr["MMCR0"] = MMCR0_FROZEN
        if self.space.number == 0 and not keeps_time:
            self.memory.tb_offset = 0
            self.memory.tb_offset = -self._timebase_from(0) & NO_TAG
        self.state["tb_offset"] = self.memory.tb_offset
        self.state["dec_deadline"] = FOREVER
        self.msr = MSR.ME | MSR.FP

    # --- registers with parts
    @property
    def msr(self) -> int:
        """Machine state register; writing it changes the translation context with it."""
        return int(self.state["msr"])

    @msr.setter
    def msr(self, value: int) -> None:
        self.state["msr"] = value & NO_TAG
        self.engine.call("rt_switch_context", self.address)

    @property
    def cr(self) -> int:
        """Condition register, 32 bits."""
        value = 0
        for field in self.state["crf"]:
            value = value << 4 | int(field)
        return value

    @cr.setter
    def cr(self, value: int) -> None:
        self.state["crf"] = [value >> shift & 15 for shift in range(28, -1, -4)]

    def _timebase_from(self, offset: int) -> int:
        self.state["tb_offset"] = offset
        return self.timebase

    @property
    def timebase(self) -> int:
        """The Time Base."""
        return int(self.engine.call("rt_timebase", self.address))

    @property
    def retired(self) -> int:
        """Instructions retired since the machine was made."""
        return int(self.state["retired"])

    # --- partition state set by hypercalls
    def set_process_table(self, dw1: int) -> None:
        """The partition-table entry's second doubleword; LPCR[UPRT], [HR] and [GTSE] follow it."""
        self.state["process_table"] = dw1 & NO_TAG & ~PROCESS_TABLE_RADIX
        self.lpcr = self.lpcr | LPCR.UPRT | LPCR.HR | LPCR.GTSE
        self._change("rt_forget_all")

    def set_hash_mode(self, is_on: bool) -> None:
        """Translation goes by segments and the memory's hashed page table."""
        self.state["hash_mode"] = int(is_on)
        self._change("rt_forget_all")

    def resize_hash_table(self, size_log2: int) -> bool:
        """The hashed page table has 1 << size_log2 bytes and the bolted entries of the old one.

        False when one has no room there; then the old one stays.
        """
        table = aligned_zeros(1 << size_log2, 128)
        with self.memory.gate.closed():
            self.state["scratch"][:2] = table.ctypes.data, table.size // 128 - 1
            if not self.engine.call("rt_resize_hash", self.address):
                return False
            self.memory.use_hash_table(table)
            for address in self.memory.vcpu_addresses:
                self.engine.call("rt_forget_all", address)
        return True

    def set_ail(self, ail: int) -> None:
        """LPCR[AIL]: 0 or 3."""
        self.lpcr = self.lpcr & ~LPCR.AIL | ail << LPCR.AIL_SHIFT

    def set_watchpoint(self, number: int, address: int, control: int) -> None:
        """DAWR0 or DAWR1, and its DAWRX: the data TLB forgets what it let through."""
        self.spr[f"DAWR{number}"], self.spr[f"DAWRX{number}"] = address, control
        self._mmu[0]["data_keys"][0] = NO_TAG               # real mode, which nothing else forgets
        self.engine.call("rt_forget_all", self.address)

    def set_model(self, model: Model, problem_model: Model | None = None) -> None:
        """Whose instructions privileged and (as PCR has it) problem state execute."""
        problem = problem_model or model
        if (self.state["models"], self.state["problem_models"]) == (model.bit, problem.bit):
            return
        self.state["models"], self.state["problem_models"] = model.bit, problem.bit
        self._change("rt_forget_code")

    def set_compat(self, family: str | None) -> None:
        """Problem state executes what this processor does; None: what ours does."""
        self.set_model(model_of_pvr(self._pvr), MODELS[family] if family else None)

    def set_ile(self, little: bool) -> None:
        """LPCR[ILE]: byte order of interrupt handlers."""
        self.lpcr = self.lpcr & ~LPCR.ILE | (LPCR.ILE if little else 0)

    # --- running
    def run(self) -> Exit:
        """Execute until something needs Python. The GIL is free meanwhile."""
        while (ended := self._run_native()).reason is ExitReason.UNKNOWN_WORD:
            self._report_unknown(ended.detail)
        return ended

    def _report_unknown(self, nia: int) -> None:
        """Say once that a word has no row; the guest got its illegal-instruction interrupt."""
        if self.is_silent:
            return
        from jitppc.frontend.decode import nearest  # with it come all rows

        word = int(self.state["unknown_words"][int(self.state["unknown_known"]) - 1])
        row = nearest(word)
        hint = f"; nearest row: {row.key} ({row.ref})" if row is not None else ""
        says = "unknown instruction %08x at %016x, an illegal-instruction interrupt for the guest%s"
        log.warning(says, word, nia, hint)

    def _run_native(self) -> Exit:
        started = time.perf_counter()
        if self._last_return is not None:
            self.python_seconds += started - self._last_return
        cpu_started, idle_ns = time.thread_time(), self._idle_ns()
        self._call("rt_run")
        self.native_cpu_seconds += time.thread_time() - cpu_started
        self._last_return = time.perf_counter()
        self.native_seconds += self._last_return - started - (self._idle_ns() - idle_ns) * 1e-9
        return Exit(ExitReason(self._words[REASON]), self._words[DETAIL])

    def _idle_ns(self) -> int:
        """How long it has waited so far."""
        return self._words[IDLE_WORD]

    def step(self) -> Exit:
        """Execute exactly one instruction, or take the interrupt of its fetch."""
        self.state["exit_reason"] = ExitReason.NONE
        self._call("rt_step")
        return Exit(ExitReason(int(self.state["exit_reason"])), int(self.state["exit_detail"]))

    def run_for(self, count: int) -> Exit:
        """Execute at least `count` instructions, stopping at the next jump.

        Exactly `count` with the exact tier.
        """
        self.state["retired_limit"] = self.retired + count
        try:
            return self.run()
        finally:
            self.state["retired_limit"] = FOREVER

    def _call(self, routine: str) -> None:
        """Call a native routine."""
        self.engine.call(routine, self.address)

    def _change(self, routine: str) -> None:
        """Call a native routine that needs the machine to stand still, on any thread."""
        with self.memory.gate.closed():
            self.engine.call(routine, self.address)

    def set_topology(self, thread: int, threads: int) -> None:
        """It is this thread of a core of so many."""
        self.state["thread"], self.state["threads"] = thread, threads

    def install_now(self) -> None:
        """What waits in the install ring is installed. The gate is closed."""
        self._call("rt_install")

    def _note_store(self, gra: int) -> None:
        self.engine.call("rt_note_store", self.address, gra)

    # --- requests from any thread
    def request_stop(self) -> None:
        """`run` and `wait_for_interrupt` return soon."""
        self.state["stop_request"] = 1
        self._alarm.ring()

    def pend_system_reset(self) -> None:
        """A system reset interrupt comes as soon as possible."""
        self.state["system_reset"] = 1
        self._alarm.ring()

    def _has_reason_to_run(self) -> bool:
        s = self.state
        asked = s["stop_request"] or s["prodded"]
        return bool(s["external"] or asked or s["system_reset"] or s["doorbell"])

    def wait_for_interrupt(self, timeout_s: float | None) -> bool:
        """Idle until an interrupt or a request is pending, for H_CEDE; False when time ran out."""
        if self.state["clock_is_insns"]:
            return self._skip_to_decrementer()
        limit = None if timeout_s is None else time.monotonic() + timeout_s
        started = time.perf_counter()
        self._alarm.arm()
        try:
            while not self._has_reason_to_run():
                left = (int(self.state["dec_deadline"]) - self.timebase) / TIMEBASE_HZ
                if left < 0:
                    return True
                if limit is not None:
                    remaining = limit - time.monotonic()
                    if remaining <= 0:
                        return False
                    left = min(left, remaining)
                self._alarm.wait(left + 1e-6)
            return True
        finally:
            self._alarm.disarm()
            idle = time.perf_counter() - started
            self.state["counters"][IDLE] += np.uint64(int(idle * 1e9))
            if self._last_return is not None:
                self._last_return += idle

    def _skip_to_decrementer(self) -> bool:
        """Let time jump to the decrementer: by the clock of instructions, nothing else happens."""
        self._alarm.arm()
        if not self._has_reason_to_run():
            ahead = int(self.state["dec_deadline"]) - self.timebase + 1
            if ahead > TIMEBASE_HZ * 3600:
                self._alarm.wait(0.1)                # only input from outside can end this
            elif ahead > 0:
                self.state["tb_offset"] = (int(self.state["tb_offset"]) + ahead) & NO_TAG
        self._alarm.disarm()
        return True

    def close(self) -> None:
        """End what helps this vCPU in the background."""
        if self.translator is not None:
            self.translator.close()

    # --- looking
    def statistics(self) -> dict[str, Any]:
        """Counters of execution."""
        found: dict[str, Any] = {
            "instructions": self.retired, "region_instructions": int(self.state["region_insns"]),
            "native_seconds": self.native_seconds, "python_seconds": self.python_seconds,
            "native_cpu_seconds": self.native_cpu_seconds,
            "interrupts": {
                f"{n << 8:#x}": int(c) for n, c in enumerate(self.state["interrupts"]) if c
            },
            "unknown_instructions": int(self.state["unknown_count"]),
        }
        if self.translator is not None:
            found |= self.translator.statistics()
        return found | {name: int(self.state["counters"][n]) for name, n in layout.COUNTER.items()}


