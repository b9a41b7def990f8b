"""`jitppc run`: one pseries guest, from its kernel to its end."""

import contextlib
import json
import logging
import shlex
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from jitppc.cli.progress import Progress
from jitppc.config import RunConfig, run_config
from jitppc.errors import UserError
from jitppc.host.console import BANNER_KEYS, Console, standard_fds
from jitppc.option_values import GIB, MIB


class Stop(Protocol):
    """Why a machine's `run` returned."""

    reason: str
    exit_status: int
    detail: str


def run_command(settings: dict[str, Any], _arguments: list[str]) -> int:
    for pairs in settings.get("devices", ()):
        if help_wanted(dict(pairs)):
            return 0
    return run(run_config(settings))


def help_wanted(keys: dict[str, str]) -> bool:
    """`-device help` and `-device MODEL,help` print what there is."""
    if keys["driver"] not in {"help", "?"} and "help" not in keys:
        return False
    from jitppc.spapr.device_models import device_help

    print(device_help("" if keys["driver"] in {"help", "?"} else keys["driver"]))
    return True


def run(config: RunConfig) -> int:
    """The guest has ended; the process's exit status is returned."""
    stdin, stdout = standard_fds()
    hardware = make_hardware(config)
    if not hardware.uses_console:
        stdin, stdout = None, None
    elif stdout is None:
        raise UserError("standard output is closed, and the guest's console is there")
    for note in config.notes:
        say(note)
    return _Session(config, hardware, stdin, stdout).run()


def make_hardware(config: RunConfig) -> Any:
    """The description of hardware that the command line gives.

    A run that is to repeat has no network that nobody asked for: frames come when they like.
    """
    from jitppc.host.qemu_line.hardware import hardware_of

    repeats = config.clock == "insns" or config.lockstep is not None
    return hardware_of(config.hardware, say, has_default_net=not repeats)


def say(line: str) -> None:
    """One line of our own, where it does not mix with the guest's output."""
    if sys.stderr is not None:
        with contextlib.suppress(OSError):
            print(f"jitppc: {line}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def warnings_said(is_raw: bool) -> Iterator[None]:
    """What the rooms log as warnings appears as lines of ours, also on a terminal in raw mode."""
    handler = logging.StreamHandler(sys.stderr)
    handler.terminator = "\r\n" if is_raw else "\n"
    handler.setFormatter(logging.Formatter("jitppc: %(message)s"))
    logger = logging.getLogger("jitppc")
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


def perf_files(config: RunConfig) -> Any:
    """The files that perf reads, when they are wanted."""
    if not (config.perfmap or config.jitdump):
        return None
    from jitppc.runtime.guest_symbols import GuestSymbols, read_symbols
    from jitppc.runtime.perf_files import JitDump, PerfFiles, PerfMap

    symbols = GuestSymbols({})
    try:
        which = config.symbols or config.kernel
        symbols = symbols if which is None else read_symbols(which)
    except UserError:
        if config.symbols is not None:
            raise
    kinds = [PerfMap] * config.perfmap + [JitDump] * config.jitdump
    return PerfFiles([kind() for kind in kinds], symbols)


def make_machine(
    config: RunConfig, hardware: Any, console: Any, progress: Progress, perf: Any = None
) -> Any:
    """A machine of the spapr room, as configured."""
    if config.lockstep is not None:
        return make_lockstep(config, hardware, console, progress, perf)
    return make_one(config, config.strategy, hardware, console, progress, perf)


def make_lockstep(
    config: RunConfig, hardware: Any, console: Any, progress: Progress, perf: Any
) -> Any:
    """Two machines that are compared; the one whose strategy is exact follows the other."""
    from jitppc.runtime.lockstep import Lockstep

    assert config.lockstep is not None
    leader, follower = sorted(config.lockstep, key=lambda name: name == "exact")

    def make_pair(is_seen: bool) -> tuple[Any, Any]:
        shown = console if is_seen else None
        return (
            make_one(config, leader, hardware, shown, progress, perf, is_paced=True),
            make_one(config, follower, hardware, None, progress, perf, is_paced=True),
        )

    return Lockstep(make_pair, (leader, follower), shlex.join(["jitppc", *sys.argv[1:]]))


def make_one(
    config: RunConfig,
    strategy: str,
    hardware: Any,
    console: Any,
    progress: Progress,
    perf: Any,
    *,
    is_paced: bool = False,
) -> Any:
    """A machine of the spapr room with this strategy; a paced one repeats exactly."""
    from jitppc.host.firmware_files import firmware_file
    from jitppc.spapr.firmware_image import BootWish
    from jitppc.spapr.machine import Machine
    from jitppc.spapr.rtas.clock import RtcWish

    boot = dict(config.hardware.boot)

    def tell(what: str, done: int, total: int) -> None:
        progress(what, done / total if total else None)

    return Machine(
        kernel=config.kernel,
        initrd=config.initrd,
        append=config.append,
        firmware=None if config.firmware is None else firmware_file(config.firmware),
        kernel_gra=config.kernel_gra,
        boot_wish=BootWish(
            boot.get("order", ""), boot.get("once", ""), boot.get("menu", "off") == "on"
        ),
        rtc=RtcWish(**config.rtc),
        memory=config.memory,
        cpu=config.cpu,
        max_cpu_compat=config.max_cpu_compat,
        ic_mode=config.ic_mode,
        numa=config.numa,
        resize_hpt=config.resize_hpt,
        hpt_max_page_size=config.hpt_max_page_size,
        storage_keys=config.storage_keys,
        large_decrementer=config.large_decrementer,
        smp=config.smp,
        strategy=strategy,
        console=console,
        hardware=hardware,
        no_reboot=config.no_reboot,
        clock="insns" if is_paced else config.clock,
        use_cache=config.code_cache,
        progress=tell,
        paced=is_paced,
        perf=perf,
    )


class _Session:
    """A console and the machine behind it."""

    def __init__(
        self, config: RunConfig, hardware: Any, stdin: int | None, stdout: int | None
    ) -> None:
        self._config, self._hardware = config, hardware
        self._progress = Progress()
        self._machine: Any = None
        self._console = Console(
            on_input=self._type,
            on_quit=self._request_quit,
            before_output=self._progress.close,
            stdin=stdin,
            stdout=stdout,
        )

    def run(self) -> int:
        started = time.monotonic()
        with contextlib.ExitStack() as stack:
            perf = perf_files(self._config)
            if perf is not None:
                stack.callback(perf.close)
            stop, ready = self._run_machine(perf)
        if self._config.stats is not None:
            ended = time.monotonic()
            self._write_statistics(self._config.stats, stop, ready - started, ended - ready)
        return self._exit_status(stop)

    def _run_machine(self, perf: Any) -> tuple[Stop, float]:
        """Why the machine stopped, and when it was ready."""
        with self._progress:
            self._machine = make_machine(
                self._config, self._hardware, self._console, self._progress, perf
            )
            self._progress.close()
            self._say_banner()
            ready = time.monotonic()
            with self._console, self._machine, warnings_said(self._console.is_terminal):
                stop: Stop = self._machine.run(
                    until=self._config.until, timeout=self._config.timeout
                )
        return stop, ready

    def _type(self, typed: bytes) -> None:
        self._machine.type(typed)

    def _request_quit(self) -> None:
        self._machine.quit()

    def _say_banner(self) -> None:
        config = self._config
        if not (self._console.is_terminal or config.verbose):
            return
        size = (
            f"{config.memory / GIB:g} GiB"
            if config.memory >= GIB
            else f"{config.memory // MIB} MiB"
        )
        name = f"{config.name}: " if config.name else ""
        keys = f"; {BANNER_KEYS}" if self._console.is_terminal else ""
        say(f"{name}pseries, {config.cpu}, {size}, {config.strategy}{keys}")

    def _exit_status(self, stop: Stop) -> int:
        console = self._console
        if console.signal is not None:
            say(f"ended by signal {console.signal}")
            return 128 + console.signal
        if console.output_closed:
            raise UserError("standard output was closed; the guest was stopped")
        match stop.reason:
            case "timeout":
                waited = f" for /{self._config.until}/" if self._config.until else ""
                say(f"{self._config.timeout:g} seconds are over{waited}")
            case "panic":
                say(f"the guest panicked: {stop.detail}")
            case "poweroff" | "until" | "quit" | "reboot":
                if self._config.verbose:
                    say(f"ended: {stop.reason} {stop.detail or ''}".rstrip())
            case _:
                say(f"stopped: {stop.reason}: {stop.detail}")
        return stop.exit_status

    def _write_statistics(
        self, path: Path, stop: Stop, setup_seconds: float, run_seconds: float
    ) -> None:
        statistics = {
            "stop": stop.reason,
            "setup_seconds": round(setup_seconds, 3),
            "run_seconds": round(run_seconds, 3),
            "strategy": self._config.strategy,
            **self._machine.statistics(),
        }
        try:
            path.write_text(
                json.dumps(statistics, indent=2, default=float) + "\n", encoding="utf-8"
            )
        except OSError as error:
            raise UserError(f"-stats {path}: {error.strerror}") from error
