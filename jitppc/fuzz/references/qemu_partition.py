"""A `qemu-system-ppc64` whose one processor is ours: stopped, in a partition, with radix tables.

No firmware runs. What the guest's memory holds is the address space of cases (`address_space.py`),
and the process table is registered by the hypercall, stepped over like any other instruction.
Ref: LoPAR 14.5.4 (H_REGISTER_PROC_TBL); Book III 6.7.
"""

from __future__ import annotations

import shutil
import socket
import struct
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np

from jitppc.errors import ReferenceFailure
from jitppc.ir.layout import LPCR, MSR
from jitppc.processes import ENDS_WITH_US

from .address_space import CODE_REAL, PROCESS_TABLE, RAM_BYTES, AddressSpace
from .gdb_remote import GdbRemote, Silence

PROGRAM = "qemu-system-ppc64"
CPUS = {"power9": "power9_v2.0", "power10": "power10_v2.0"}
#: a step takes less than a millisecond
PATIENCE_SECONDS = 10.0
START_SECONDS = 30.0
H_REGISTER_PROC_TBL = 0x37C
#: a new table, of radix trees, and the guest may execute tlbie
_NEW_RADIX_TABLE = 0x1D
_HYPERCALL = 0x44000022
#: bytes of a memory packet; the stub takes 4096 characters
_PIECE = 1024
_ONCE_SPR = ("dscr", "ctrl", "cfar")
#: general registers, pc, MSR, CR, LR, CTR, XER, as in packet g
CORE = "32QQQIQQI"


class Partition:
    """The emulator and what is known of its processor."""

    def __init__(self, model: str) -> None:
        path = shutil.which(PROGRAM)
        if path is None:
            raise ReferenceFailure(f"no {PROGRAM}; install qemu-system-ppc")
        self._command = [
            *ENDS_WITH_US, path, "-M", "pseries", "-cpu", CPUS[model], "-m", "256M", "-nodefaults",
            "-display", "none", "-S",
        ]  # fmt: skip
        self._process: subprocess.Popen[bytes] | None = None
        self._remote: GdbRemote | None = None
        self._is_little = False
        self.numbers: dict[str, tuple[int, int]] = {}

    # --- life
    def start(self) -> None:
        """It runs and is ready for cases. Raises ReferenceFailure when it cannot be had."""
        if self._process is not None:
            return
        with tempfile.TemporaryDirectory(prefix="jitppc-") as directory:
            address = str(Path(directory) / "gdb")
            self._process = subprocess.Popen(
                [*self._command, "-gdb", f"unix:path={address},server=on,wait=off"],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                start_new_session=True,
            )  # fmt: skip
            self._remote = GdbRemote(self._connect(address), PATIENCE_SECONDS)
        try:
            self._prepare(self._remote)
        except (Silence, OSError) as error:
            self.stop()
            raise ReferenceFailure(f"{PROGRAM} does not answer") from error

    def _connect(self, address: str) -> socket.socket:
        assert self._process is not None
        until = time.monotonic() + START_SECONDS
        while self._process.poll() is None and time.monotonic() < until:
            connected = socket.socket(socket.AF_UNIX)
            try:
                connected.connect(address)
            except OSError:
                connected.close()
                time.sleep(0.02)
            else:
                return connected
        self.stop()
        raise ReferenceFailure(f"{PROGRAM} does not start: {' '.join(self._command)}")

    def stop(self) -> None:
        """The process is gone; the next case starts another one."""
        if self._remote is not None:
            self._remote.close()
            self._remote = None
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _prepare(self, remote: GdbRemote) -> None:
        self.numbers, self._is_little = remote.registers(), False
        for name in _ONCE_SPR:  # names of the stub before QEMU 8
            if name in self.numbers:
                self.numbers.setdefault(f"spr_{name}", self.numbers[name])
        remote.ask([b"Qqemu.PhyMemMode:1"])
        memory = AddressSpace().memory
        for start in range(0, RAM_BYTES, _PIECE):
            piece = bytes(memory.read(start, _PIECE))
            if any(piece):
                remote.ask([_store(start, piece)])
        remote.ask([_store(CODE_REAL, _HYPERCALL.to_bytes(4, "big"))])
        gpr = np.zeros(32, np.uint64)
        gpr[3:8] = H_REGISTER_PROC_TBL, _NEW_RADIX_TABLE, PROCESS_TABLE, 0, 0
        self._set_msr(MSR.SF | MSR.ME)
        self.run([self.core(gpr, CODE_REAL, MSR.SF | MSR.ME)])
        answer = self.read(())[0]
        if answer[3] != 0:
            raise ReferenceFailure(f"{PROGRAM} refuses radix tables: {answer[3]:#x}")
        (lpcr,) = self.read(("lpcr",))[1]
        self.put({"lpcr": lpcr | LPCR.ILE})

    # --- packets
    def _number(self, value: int, bits: int) -> bytes:
        return value.to_bytes(bits // 8, "little" if self._is_little else "big").hex().encode()

    def _set_msr(self, msr: int) -> None:
        """The stub swaps registers as MSR[LE] says, so it comes first and alone."""
        self._ask([b"P%x=%s" % (self.numbers["msr"][0], self._number(msr, 64))])
        self._is_little = bool(msr & MSR.LE)

    def _ask(self, packets: list[bytes]) -> list[bytes]:
        assert self._remote is not None
        return self._remote.ask(packets)

    def core(self, gpr: np.ndarray, nia: int, msr: int, cr: int = 0, lr: int = 0, ctr: int = 0,
             xer: int = 0) -> bytes:
        """The packet that loads all core registers; MSR must have been set."""
        order = "<" if self._is_little else ">"
        values = (*map(int, gpr), nia, msr, cr, lr, ctr, xer)
        return b"G" + struct.pack(order + CORE, *values).hex().encode()

    def settings(self, special: dict[str, int]) -> list[bytes]:
        """Packets that load special registers, by the stub's names; as storage, without effects."""
        return [
            b"P%x=%s" % (self.numbers[name][0], self._number(value, self.numbers[name][1]))
            for name, value in special.items()
        ]

    def put(self, special: dict[str, int]) -> None:
        """Load special registers now."""
        self._ask(self.settings(special))

    def begin(self, msr: int) -> None:
        """The processor is in this mode."""
        self._set_msr(msr)

    def run(self, packets: list[bytes]) -> None:
        """After these packets, one instruction."""
        self._ask([*packets, b"vCont;s:1"])

    def erase(self, real: int, count: int) -> None:
        """Zeros instead of instructions."""
        self._ask([_store(real, bytes(count))])

    def fill(self, real: int, data: bytes) -> None:
        """The guest's memory from a real address on."""
        self._ask([
            _store(real + at, data[at : at + _PIECE]) for at in range(0, len(data), _PIECE)
        ])  # fmt: skip

    def fetch(self, real: int, count: int) -> bytes:
        """So many bytes of the guest's memory, as many as one packet holds."""
        return bytes.fromhex(self._ask([b"m%x,%x" % (real, count)])[0].decode())

    def step(self) -> None:
        """One instruction."""
        self._ask([b"vCont;s:1"])

    def read(self, names: tuple[str, ...]) -> tuple[list[int], list[int]]:
        """The core registers as in CORE, and special ones by name."""
        answers = self._ask([b"g", *(b"p%x" % self.numbers[name][0] for name in names)])
        data = bytes.fromhex(answers[0].decode())
        little, big = (struct.unpack(order + CORE, data) for order in "<>")
        # in the wrong order this is MSR's first byte, whose last bit is reserved
        self._is_little = bool(little[33] & MSR.LE)
        core = list(little if self._is_little else big)
        order: str = "little" if self._is_little else "big"
        special = [
            int.from_bytes(bytes.fromhex(text.decode()), order)  # type: ignore[arg-type]
            for text in answers[1:]
        ]
        return core, special


def _store(real: int, data: bytes) -> bytes:
    return b"M%x,%x:%s" % (real, len(data), data.hex().encode())


def store_words(real: int, words: list[int], little: bool) -> bytes:
    """The packet that puts instructions at a real address."""
    order: str = "little" if little else "big"
    data = b"".join(word.to_bytes(4, order) for word in words)  # type: ignore[arg-type]
    return _store(real, data)
