"""A resident harness under qemu-ppc64le that runs single cases: user-level state in, state out.

The emulator starts once; a case then costs a tenth of a millisecond. `QemuUser.run` takes and gives
the project's own CPU_STATE records, so that a test compares like with like.
"""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

HERE = Path(__file__).parent
SOURCES = ("qemu_harness.c", "qemu_stub.S", "qemu_harness.h")
CPU = "POWER9"


def _constants() -> dict[str, int]:
    """The numbers of qemu_harness.h."""
    lines = (HERE / "qemu_harness.h").read_text(encoding="utf-8").splitlines()
    words = [line.split() for line in lines if line.startswith("#define")]
    return {w[1]: int(w[2], 0) for w in words}


C = _constants()
#: where a case's first word is, and the only memory it may touch
CIA = C["CODE"] + C["WORDS"]
WINDOW, WINDOW_BYTES = C["WINDOW"], C["WINDOW_BYTES"]
LITTLE = "<u8"
STATE = np.dtype(
    [
        ("gpr", LITTLE, 32),
        ("cr", LITTLE),
        ("xer", LITTLE),
        ("lr", LITTLE),
        ("ctr", LITTLE),
        ("fpscr", LITTLE),
        ("tar", LITTLE),
        ("vscr", LITTLE, 2),
        ("vsr", LITTLE, (64, 2)),
    ]
)
REQUEST = np.dtype(
    [
        ("count", "<u4"),
        ("words", "<u4", C["MAX_WORDS"] + 1),
        ("may_loop", "<u4"),
        ("unused", "<u4"),
        ("state", STATE),
        ("window", "u1", WINDOW_BYTES),
    ],
    align=True,
)
ANSWER = np.dtype(
    [
        ("signal", LITTLE),
        ("code", LITTLE),
        ("nia", LITTLE),
        ("address", LITTLE),
        ("state", STATE),
        ("window", "u1", WINDOW_BYTES),
    ],
    align=True,
)
assert STATE.itemsize == C["STATE_BYTES"]


@dataclass(frozen=True, slots=True)
class Answer:
    """How a case ended.

    `kind` is next, jump (control left the words for `nia`), illegal, privileged, trap, storage,
    alignment, timeout, or crash (of the emulator)."""

    kind: str
    nia: int
    state: np.ndarray  # a CPU_STATE record; parts that user programs cannot see are as given
    window: bytes


def build(directory: Path, compiler: str) -> Path:
    """Compile the harness into `directory`; its path is returned.

    It keeps nothing in vector registers, because a case overwrites them.
    """
    program = directory / "qemu_harness"
    subprocess.run(
        [
            compiler,
            "-O2",
            "-static",
            "-fno-stack-protector",
            "-mno-vsx",
            "-mno-altivec",
            "-Wl,-Ttext-segment=0x2a0040000000",
            "-o",
            str(program),
            *(str(HERE / source) for source in SOURCES[:2]),
        ],
        check=True,
    )
    return program


class QemuUser:
    """The running harness; use as a context manager. It is started again when a case kills it."""

    def __init__(self, program: Path, emulator: str = "qemu-ppc64le") -> None:
        self._command = [emulator, "-cpu", CPU, str(program)]
        self._start()

    def _start(self) -> None:
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            self._command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, bufsize=0
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def close(self) -> None:
        """End the harness."""
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.kill()
        self._process.wait()

    def run(
        self,
        words: Sequence[int],
        state: np.ndarray,
        window: bytes = bytes(WINDOW_BYTES),
        may_loop: bool = False,
    ) -> Answer:
        """Run the words at CIA with this state; memory is WINDOW and nothing else."""
        request = np.zeros(1, REQUEST)
        given = request[0]
        given["count"] = len(words)
        leave = 0x48000000 | (C["LEAVE"] - C["WORDS"] - 4 * len(words) & 0x3FFFFFC)
        given["words"][: len(words) + 1] = [*words, leave]
        given["may_loop"] = may_loop
        to_harness(state[0], given["state"])
        given["window"] = np.frombuffer(window, np.uint8)
        self._write(request.tobytes())
        data = self._read(ANSWER.itemsize)
        if len(data) < ANSWER.itemsize:
            self.close()
            self._start()
            return Answer("crash", CIA, state.copy(), window)
        answer = np.frombuffer(data, ANSWER)[0]
        result = state.copy()
        from_harness(answer["state"], result[0])
        nia = int(answer["nia"])
        number, code = int(answer["signal"]), int(answer["code"])
        inside = CIA <= nia < CIA + 4 * len(words)
        return Answer(_kind(number, code, inside), nia, result, answer["window"].tobytes())

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[self._process.stdin.write(view) :]

    def _read(self, size: int) -> bytes:
        """`size` bytes, or fewer when the harness has ended."""
        pieces = b""
        while len(pieces) < size:
            piece = self._process.stdout.read(size - len(pieces))
            if not piece:
                break
            pieces += piece
        return pieces


def _kind(number: int, code: int, inside: bool) -> str:
    """The word for a signal. ILL_PRVOPC and ILL_PRVREG mean privileged."""
    if number == 0:
        return "next"
    if number == signal.SIGALRM:
        return "timeout"
    if not inside:
        return "jump"  # the fetch at the target failed: nothing is mapped there
    if number == signal.SIGILL:
        return "privileged" if code in (5, 6) else "illegal"
    return {
        signal.SIGTRAP: "trap",
        signal.SIGSEGV: "storage",
        signal.SIGBUS: "alignment",
        signal.SIGFPE: "floating",
    }[number]


# --- CPU_STATE <-> the harness's state ------------------------------------------------------
XER_BITS = {"so": 31, "ov": 30, "ca": 29, "ov32": 19, "ca32": 18}


def xer_of(record: np.void) -> int:
    """XER as mfxer reads it. Ref: Book I 3.2.2."""
    single = sum(int(record[name]) << shift for name, shift in XER_BITS.items())
    return single | int(record["xer_low"]) | int(record["xer_mid"])


def cr_of(record: np.void) -> int:
    """The 32 bits of CR."""
    return int("".join(f"{int(n):x}" for n in record["crf"]), 16)


def to_harness(record: np.void, out: np.void) -> None:
    """Fill the harness's state from a CPU_STATE record."""
    out["gpr"], out["vsr"] = record["gpr"], record["vsr"]
    out["cr"], out["xer"] = cr_of(record), xer_of(record)
    out["lr"], out["ctr"], out["tar"] = (record["spr"][n] for n in (8, 9, 815))
    out["fpscr"], out["vscr"] = record["fpscr"], (record["vscr"], 0)


def from_harness(state: np.void, record: np.void) -> None:
    """Fill a CPU_STATE record from the harness's state."""
    record["gpr"], record["vsr"] = state["gpr"], state["vsr"]
    record["crf"] = [int(state["cr"]) >> shift & 15 for shift in range(28, -4, -4)]
    xer = int(state["xer"])
    for name, shift in XER_BITS.items():
        record[name] = xer >> shift & 1
    record["xer_low"], record["xer_mid"] = xer & 0x7F, xer & 0x3FF80
    record["spr"][8], record["spr"][9] = state["lr"], state["ctr"]
    record["fpscr"], record["vscr"] = state["fpscr"], state["vscr"][0]
