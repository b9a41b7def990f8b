r"""The composition root: a pseries machine from a kernel, and how to run it.

    machine = Machine("vmlinux", initrd="initrd.gz", memory="2G")
    stop = machine.run(until="login:", timeout=600)
    machine.type("root\n")
    machine.cpu.gpr[3], machine.memory.read(0x100, 20), machine.console_output

`Machine` owns and wires; guest code runs in `processor`, what the guest asks is answered in `hcall`
and `rtas`. `run` leaves the machine standing still and whole, also when it raises.
"""

import logging
import os
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import jitppc.spapr.hcall.rows
import jitppc.spapr.rtas.rows  # noqa: F401  (both fill their tables)
from jitppc.errors import OptionError
from jitppc.ir.xive_places import PAGES_END, PAGES_START
from jitppc.numa import Numa
from jitppc.spapr import boot, fdt, hash_pages, interrupts
from jitppc.spapr.board import Board
from jitppc.spapr.boot import BootImages
from jitppc.spapr.cas import CasResult, Offer
from jitppc.spapr.console import ConsoleTap, UserConsole
from jitppc.spapr.cpu_models import CpuModel
from jitppc.spapr.entropy import HostEntropy, RepeatableEntropy
from jitppc.spapr.firmware_image import SIZE_MAX as FIRMWARE_SIZE_MAX
from jitppc.spapr.firmware_image import BootWish, read_firmware
from jitppc.spapr.guest_mmio import GuestMmio
from jitppc.spapr.hardware import Hardware
from jitppc.spapr.hcall.table import HcallDispatcher
from jitppc.spapr.kernel_image import read_kernel
from jitppc.spapr.memory_map import FIRMWARE_END, RMA_MAX, hash_table_size_log2
from jitppc.spapr.of_claim import ClaimMap
from jitppc.spapr.of_client import OfClient
from jitppc.spapr.of_state import OfHost, OfState
from jitppc.spapr.of_tree import OfTree
from jitppc.spapr.papr_cpu import PaprCpu, Platform
from jitppc.spapr.partition import Partition, VcpuRecord, VcpuState
from jitppc.spapr.pci.tree import bridge_node
from jitppc.spapr.pci.windows import WINDOWS_END, WINDOWS_GRA
from jitppc.spapr.ports import Chardev, Exit, GuestMemory, Vcpu
from jitppc.spapr.processor import HcallObserver, Processor
from jitppc.spapr.rtas.clock import RtcWish
from jitppc.spapr.rtas.event_log import EventQueue, epow_shutdown_log
from jitppc.spapr.rtas.table import advertised_tokens
from jitppc.spapr.run import run_until_stopped
from jitppc.spapr.runtime_factory import (
    NativeRuntime,
    RuntimeFactory,
    fill_ahead,
    native_output,
    share_windows,
)
from jitppc.spapr.statistics import added
from jitppc.spapr.stop import Stop, StopLatch
from jitppc.spapr.tce import TceTables
from jitppc.spapr.vio.vty_output import ConsoleOutput
from jitppc.spapr.watchdog import Watchdogs
from jitppc.spapr.wishes import Wishes
from jitppc.strategies import Strategy
from jitppc.topology import Topology

log = logging.getLogger(__name__)

REPEATABLE_EPOCH_NS = 1_767_225_600_000_000_000
"""2026-01-01 00:00 UTC."""
WATCHDOG_POWER_OFF, WATCHDOG_RESTART, WATCHDOG_DUMP_RESTART = 1, 2, 3


class Machine:
    """A pseries machine. It stands at the kernel's first instruction until `run` is called."""

    def __init__(
        self,
        kernel: str | os.PathLike[str] | None,
        initrd: str | os.PathLike[str] | None = None,
        append: str = "",
        memory: str | int = "2G",
        cpu: str = "power9",
        smp: int | Topology = 1,
        strategy: str | Strategy = "regions",
        console: Chardev | None = None,
        *,
        hardware: Hardware | None = None,
        max_cpu_compat: str | None = None,
        firmware: str | os.PathLike[str] | None = None,
        kernel_gra: int | None = None,
        boot_wish: BootWish | None = None,
        rtc: RtcWish | None = None,
        ic_mode: str = "dual",
        numa: Numa | None = None,
        resize_hpt: str = "default",
        hpt_max_page_size: str = "64k",
        storage_keys: bool = False,
        large_decrementer: bool = True,
        nvram: str | os.PathLike[str] | None = None,
        no_reboot: bool = False,
        clock: str = "host",
        runtime: RuntimeFactory | None = None,
        **runtime_options: Any,
    ) -> None:
        """All arguments are checked before anything runs; `UserError` tells in one line.

        Args:
            append: the kernel command line.
            smp: virtual processors; a `Topology` says how they are threads of cores.
            memory: bytes, or text such as "2G".
            console: where the guest's output goes; None keeps it in `console_output` only.
            hardware: disks, networks, consoles and other devices; without it there is one console.
            firmware: image that runs in the guest, such as slof.bin; None: we are Open Firmware.
            kernel_gra: where the kernel is loaded (None: where such a kernel usually is).
            boot_wish: what the image is told about where to look for a program.
            rtc: when the real-time clock starts.
            max_cpu_compat: the newest processor that the guest may take this one for.
            ic_mode: interrupt controllers that the guest may choose from: "xics", "xive", "dual".
            resize_hpt, hpt_max_page_size: whether the guest may resize a hashed page table, and the
                largest pages in it ("4k", "64k", "16M", "16G").
            large_decrementer: from POWER9 on, and in its modes, it has 56 bits.
            storage_keys: the guest is told of the keys that pages of a hashed page table have.
            numa: nodes of memory and processors; without it there is one.
            nvram: backing file of the NVRAM, made when it does not exist.
            clock: "host", or "insns": time and the date follow the instructions executed, random
                numbers repeat; with strategy "interp" or "exact" every run is the same.
            no_reboot: a guest that reboots ends `run` with reason "reboot" instead.
            runtime, runtime_options: what makes memory and vCPUs, and what they are told.
        """
        self._wishes = Wishes.checked(
            cpu, max_cpu_compat, smp, memory, numa, clock, append, ic_mode, resize_hpt,
            hpt_max_page_size, has_storage_keys=storage_keys, large_decrementer=large_decrementer,
        )  # fmt: skip
        self._firmware = None if firmware is None else read_firmware(Path(firmware))
        self._images = self._place(kernel, initrd, self._wishes.first_node_size, kernel_gra)
        self._boot_wish = boot_wish or BootWish()
        self.no_reboot = no_reboot

        options = {"clock": clock, **runtime_options}
        factory = NativeRuntime(strategy, options) if runtime is None else runtime
        self.memory: GuestMemory = factory.memory(self._wishes.ram_size)
        fill_ahead(self.memory, self._images.ranges)
        self.cpus: list[Vcpu] = factory.vcpus(
            self.memory, self._wishes.model, self._wishes.topology
        )

        self._partition = Partition([VcpuRecord(vcpu) for vcpu in self.cpus])
        self._latch = StopLatch(self._partition.wake_all)
        self._xics = factory.xics(self.memory, self.cpus)
        self._xive = factory.xive(self.memory, self.cpus)
        self._is_real_time = clock == "host"
        self._make_devices(not self._is_real_time, rtc or RtcWish())
        self.hcalls = HcallDispatcher()
        self._is_running = threading.Lock()
        self._final: Stop | None = None
        self.on_hcall: HcallObserver | None = None
        self.reboots = 0
        wanted = Hardware() if hardware is None else hardware
        if nvram is not None:
            wanted = replace(wanted, nvram=Path(nvram))
        self._tap = ConsoleTap(self._latch.fail)
        user = UserConsole(console, self._latch.fail)
        try:
            self._output = ConsoleOutput(native_output(self.memory), self._latch.fail)
            self.board = Board(
                self.memory, self._interrupts, self._tces, wanted, user, self._tap, self._output
            )
        except BaseException:
            self._close_runtime()
            raise
        self._mmio = GuestMmio(self.board.mmio, self._interrupts, self._xive)
        ranges = [(WINDOWS_GRA, WINDOWS_END), (PAGES_START, PAGES_END)]
        self.memory.attach_mmio(ranges, self._mmio, self._latch.fail)
        self.reset()

    def _place(self, kernel: Any, initrd: Any, ram_size: int, kernel_gra: int | None) -> BootImages:
        """What the user gives to be started, which may be nothing when there is firmware."""
        if kernel is None:
            if self._firmware is None or initrd is not None:
                raise OptionError("no kernel is given, and no firmware that would look for one")
            return BootImages()
        end = FIRMWARE_END if self._firmware is None else FIRMWARE_SIZE_MAX
        read = read_kernel(Path(kernel), kernel_gra, is_client=self._firmware is None)
        return boot.place(read, None if initrd is None else Path(initrd), ram_size, end)

    def _make_devices(self, is_repeatable: bool, rtc: RtcWish) -> None:
        """What every machine has: interrupt controller, clock, watchdogs, event queue."""
        self._interrupts = interrupts.Interrupts(self._xics, self._xive, self._wishes.ic_mode)
        self._interrupts.claim(fdt.EPOW_IRQ)
        self._tces = TceTables()
        share_windows(self.memory, self._tces)
        self._events = EventQueue(lambda: self._interrupts.pulse(fdt.EPOW_IRQ))
        self._entropy = RepeatableEntropy() if is_repeatable else HostEntropy()
        self._clock = rtc.make(self._guest_time_ns, is_repeatable)
        self._watchdogs = Watchdogs(self._watchdog_expired)

    # Looking at the machine.

    @property
    def cpu(self) -> Vcpu:
        """The boot processor."""
        return self.cpus[0]

    @property
    def console_output(self) -> bytes:
        """What the guest has written to its console, the last mebibytes of it."""
        return self._tap.output

    @property
    def on_console(self) -> Callable[[bytes], None] | None:
        """Called with every piece of console output, on the vCPU's thread."""
        return self._tap.on_output

    @on_console.setter
    def on_console(self, callback: Callable[[bytes], None] | None) -> None:
        self._tap.on_output = callback
        if callback is not None:
            self._output.stop_collecting()

    @property
    def firmware_calls(self) -> dict[str, int]:
        """How often each service of the Open Firmware client interface was called since reset."""
        return {} if self._client is None else dict(self._client.calls)

    def statistics(self) -> dict[str, Any]:
        """Counters of this room, and those of the vCPUs that keep some."""
        found: dict[str, Any] = {
            "reboots": self.reboots,
            "hypercalls": dict(self.hcalls.calls + Counter(H_PUT_TERM_CHAR=self._output.count)),
            "unknown_hypercalls": {f"{op:#x}": n for op, n in self.hcalls.unknown.items()},
            "firmware_calls": self.firmware_calls,
        }
        counts = [vcpu.statistics() for vcpu in self.cpus if hasattr(vcpu, "statistics")]
        if len(counts) > 1:
            found["vcpus"] = counts
        return found | added(counts)

    def device_tree(self) -> bytes:
        """The flattened device tree as it is now."""
        return fdt.flatten(self._of.tree.root)

    # Acting on it.

    def type(self, text: str | bytes) -> None:
        """Console input, as if typed."""
        self.board.type(text.encode() if isinstance(text, str) else text)

    def quit(self) -> None:
        """`run` returns with reason "quit". Any thread may call."""
        self._latch.set(Stop("quit"))

    def close(self) -> None:
        """Nothing of the machine runs any more, compile workers included.

        It can still be looked at.
        """
        self.board.close()
        self._close_runtime()

    def _close_runtime(self) -> None:
        for part in (*self.cpus, self.memory):
            end = getattr(part, "close", None)
            if end is not None:
                end()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def power_button(self) -> None:
        """The guest is asked to shut down (an EPOW event)."""
        self._events.post(epow_shutdown_log())

    def system_reset(self) -> None:
        """Every running vCPU gets a system reset interrupt, as the `nmi` command of a monitor."""
        with self._partition.lock:
            for record in self._partition.running():
                self._partition.signal_system_reset(record)

    def reset(self) -> None:
        """The machine stands at the first instruction again, with a new device tree."""
        self._final = None
        self._watchdogs.stop_all()
        self._events.clear()
        self._partition.reset()
        self.board.reset()  # first, so that nothing of it is pending afterwards
        self._interrupts.reset()
        for vcpu in self.cpus:
            vcpu.reset()
        self._start_firmware()
        wishes = self._wishes
        platform = Platform(
            has_radix=wishes.model.has_radix,
            may_resize_hash_table=wishes.resize_hpt is not hash_pages.ResizeHpt.DISABLED,
            memory=self.memory,
            partition=self._partition,
            interrupts=self._interrupts,
            vio=self.board.vio,
            nvram=self.board.nvram,
            firmware=self._of,
            client=self._client,
            power=self._latch,
            events=self._events,
            clock=self._clock,
            watchdogs=self._watchdogs,
            tces=self._tces,
            numa=wishes.numa,
            mmio=self._mmio,
            bridges={bridge.buid: bridge for bridge in self.board.bridges},
            random_bytes=self._entropy.random_bytes,
        )
        views = [PaprCpu(record, platform) for record in self._partition.records]
        self._processors = [
            Processor(view, self.hcalls, self._latch, self._output) for view in views
        ]
        self._choose_mmu(wishes.model.has_radix)
        self._set_mode(wishes.newest_mode)
        self._partition.records[0].state = VcpuState.RUNNING
        if self._firmware is None:
            boot.enter_kernel(self._images, self.cpu)
        else:
            self._firmware.enter(self.cpu, self.memory.size)

    def _start_firmware(self) -> None:
        """Images and tree are where whoever starts the kernel wants them."""
        taken = self._images.load(self.memory)
        if self._firmware is not None:
            self._client = None
            self._of = self._firmware_state(taken)
            self._firmware.load(self.memory, fdt.flatten(self._of.tree.root, taken))
            return
        taken.insert(0, boot.load_client_stub(self.memory))
        for bridge in self.board.bridges:
            bridge.assign_bars()
        self._of = self._firmware_state(taken)
        self._client = OfClient(self._of)

    def _firmware_state(self, taken: list[tuple[int, int]]) -> OfState:
        consoles, wishes = self.board.consoles, self._wishes
        spec = fdt.TreeSpec(
            model=wishes.model,
            mode=wishes.newest_mode,
            interrupts=wishes.ic_mode,
            numa=wishes.numa,
            hash_page_limit_log2=wishes.hash_page_limit_log2,
            has_storage_keys=wishes.has_storage_keys,
            resize_hpt=wishes.resize_hpt,
            ram_size=self.memory.size,
            vcpu_count=len(self.cpus),
            threads=wishes.topology.threads,
            max_vcpus=wishes.topology.maxcpus,
            bootargs=wishes.bootargs,
            initrd=self._images.initrd_range,
            kernel=self._images.kernel if self._firmware else None,
            boot_order=self._boot_wish.at(self.reboots),
            boot_list=self.board.boot_devices.listed if self._firmware else "",
            has_boot_menu=self._boot_wish.has_menu,
            vio_nodes=self.board.vio.tree_nodes(),
            pci_nodes=tuple(bridge_node(bridge) for bridge in self.board.bridges),
            stdout_path=f"/vdevice/vty@{consoles[0].slot.unit_address:x}" if consoles else "",
            rtas_tokens=advertised_tokens(),
            rng_seed=self._entropy.random_bytes(32),
        )
        claims = ClaimMap(min(wishes.first_node_size, RMA_MAX))
        for start, size in taken:
            claims.claim(start, size, 0)
        host = OfHost(
            write_console=lambda unit, data: self._tap.write(data),
            leave=self._latch.panic,
            note=log.warning,
            may_negotiate=lambda: len(self._partition.running()) == 1,
            negotiated=self._negotiated,
        )
        offer = Offer(
            wishes.model,
            wishes.newest_mode,
            wishes.ic_mode,
            len(self.cpus),
            wishes.numa,
            wishes.resize_hpt,
        )
        tree = OfTree(fdt.build_root(spec))
        return OfState(self.memory, tree, claims, offer, host)

    def _choose_mmu(self, is_radix: bool) -> None:
        size_log2 = 0 if is_radix else hash_table_size_log2(self.memory.size)
        self._partition.hash_page_limit_log2 = self._wishes.hash_page_limit_log2
        self._partition.set_hash_table(self.memory, size_log2)

    def _negotiated(self, result: CasResult) -> None:
        """The machine is as the guest and it have agreed."""
        self._set_mode(result.mode)
        self._choose_mmu(result.is_radix)
        self._interrupts.choose(is_xive=result.is_xive)
        self._partition.affinity = result.form

    def _set_mode(self, mode: CpuModel | None) -> None:
        self._partition.set_compat(mode.family if mode else None)

    # Running it.

    def run(self, until: str | bytes | None = None, timeout: float | None = None) -> Stop:
        """Guest code runs until one of the stops; the machine can then be looked at and run on.

        Args:
            until: a regular expression; the run ends when console output after the previous match
                matches it (at most 4096 bytes long).
            timeout: seconds of the host's clock.

        Returns:
            The stop. After "poweroff" and "panic" the machine is off: `run` answers the same again
            until `reset`.

        Raises:
            What a callback raised, or KeyboardInterrupt; the machine stands still and can go on.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        if not self._is_running.acquire(blocking=False):
            raise RuntimeError("the machine is already running")
        try:
            found: list[Stop] = []
            self._tap.expect(until, lambda text: self._matched(text, found))
            while True:
                stop = self._final or self._run_vcpus(deadline)
                if stop.reason == "timeout" and found:
                    stop = found[0]     # printed in time, and looked at when time was up
                if stop.reason != "reboot":
                    break
                if self.no_reboot:
                    self._final = stop
                    break
                self.reboots += 1
                self.reset()
            if stop.reason in {"poweroff", "panic"}:
                self._final = stop
            return stop
        finally:
            self._tap.expect(None, lambda _: None)
            self._is_running.release()

    def _matched(self, text: str, found: list[Stop]) -> None:
        found.append(Stop("until", text))
        self._latch.set(found[0])

    def advance(self, run: Callable[[Any], Exit]) -> Stop | None:
        """The boot processor runs by `run` until that returns, and what it stopped for is answered.

        On the caller's thread; for comparing machines and for debuggers. The stop that followed, if
        any: after a reboot it is the caller who resets.
        """
        if self._final is None:
            self._processors[0].step(run)
            if not self._latch.is_requested:
                return None
            stop = self._latch.take()
            if stop.reason == "reboot":
                return stop
            self._final = stop
        return self._final

    def _run_vcpus(self, deadline: float | None) -> Stop:
        for processor, vcpu in zip(self._processors, self.cpus, strict=True):
            processor.on_hcall = self.on_hcall
            vcpu.shows_hcalls = self.on_hcall is not None
        fill_ahead(self.memory)
        # An observer sees each piece when it is printed, and repeatable runs stop where they did
        collects = self._is_real_time and self._tap.on_output is None
        with self._output.carried(is_wanted=collects):
            return run_until_stopped(
                self._processors, self._latch, deadline, self._output.settle
            )

    def _guest_time_ns(self) -> int:
        """The date of a repeatable run: a fixed day plus the boot processor's time base."""
        passed_ns = self.cpu.timebase * 1_000_000_000 // self._wishes.model.timebase_hz
        return REPEATABLE_EPOCH_NS + passed_ns

    def _watchdog_expired(self, action: int) -> None:
        if action == WATCHDOG_POWER_OFF:
            self._latch.power_off()
        elif action == WATCHDOG_RESTART:
            self._latch.reboot()
        elif action == WATCHDOG_DUMP_RESTART:
            self.system_reset()
