"""A C program that runs cases on real hardware, and the file of cases that it fills with answers.

The program is the harness of the QEMU reference (`references/harness`) in one file, with a main
function that works through the file in place. The file is: a page with a header, the slots of the
harness, and behind them the cases as they were, which the program leaves alone.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from jitppc.errors import UserError
from jitppc.ir.layout import MSR

from .cases import CASE, USER_FIELDS, Kind, unanswered
from .generate import Generator
from .modes import msr_values
from .plan import Plan
from .references.qemu_build import HEADER_BYTES, SLOT, SOURCES, layout_header
from .references.qemu_user import fill_slots, outcomes_of

MAGIC = b"jitppc cases 1\0\0"
#: where in the header the recorder introduces itself
SAYS = 3072
#: what stands in `signal` when a case has ended the recorder
CRASH = 0x80
HEAD = np.dtype([("done", "u8"), ("count", "u8"), ("magic", "S16"), ("about", f"S{SAYS - 32}"),
                 ("says", f"S{HEADER_BYTES - SAYS}")])  # fmt: skip
#: rows that hang, end the process, or reach the kernel
UNWANTED = ("sc", "scv", "wait", "stop", "copy", "paste.")
HOW = """\
/* {name}: runs cases of `jitppc fuzz` on the processor it runs on, and records what they do.
 *
 *     gcc -O2 -mno-vsx -mno-altivec -fno-stack-protector -o recorder {name}
 *     ./recorder {cases}
 *
 * The answers are written into {cases}. If a case ends the program, start it again: it goes on
 * behind that case. Then, where jitppc is:
 *
 *     jitppc fuzz record -answers {cases} -o traces.parquet
 *     jitppc fuzz -reference traces.parquet
 *
 * Linux on POWER8 or newer, {order}-endian. The cases are user programs with all of memory but
 * their own unmapped around them; the program needs no privilege.
 */
"""


@dataclass(slots=True)
class Recorded:
    """Who filled a file, in the role of a reference."""

    name: str
    fields: tuple[str, ...]
    about: dict[str, str]
    version: tuple[int, ...] = ()

    def identity(self) -> dict[str, str]:
        """What the recorder said of its machine."""
        return self.about


def program_text(name: str, cases: str, order: str) -> str:
    """The C program."""
    header = layout_header() + f'#define RECORDER_MAGIC "{MAGIC[:-2].decode()}\\0"\n'
    header += f"#define RECORDER_SAYS {SAYS}\n#define RECORDER_CRASH {CRASH:#x}\n"
    harness = (SOURCES / "harness.c").read_text(encoding="utf-8")
    harness = harness.replace('#include "layout.h"\n', "")
    main = (Path(__file__).parent / "recorder_main.c").read_text(encoding="utf-8")
    return "".join((
        HOW.format(name=name, cases=cases, order=order), header,
        _assembly((SOURCES / "stub.S").read_text(encoding="utf-8")),
        "\n#define main main_of_the_harness\n", harness, "#undef main\n", main,
    ))  # fmt: skip


def _assembly(text: str) -> str:
    """An assembler file as a top-level asm statement, numbers in the place of names."""
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    numbers = dict(re.findall(r"#define (\w+) (\w+)", layout_header()))
    text = re.sub(r"\b[A-Z][A-Z_]+\b", lambda m: numbers.get(m[0], m[0]), text)
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    lines = [".machine push", *(line for line in lines if not line.startswith("#"))]
    lines += [".machine pop", ".text"]
    quoted = "".join(f"    {json.dumps(line + chr(10))}\n" for line in lines)
    return f"\n__asm__(\n{quoted});\n"


def write_recorder(plan: Plan, count: int, path: Path) -> Path:
    """Write the program to `path`, and the cases beside it; returns where these are."""
    orders = {"big" if not msr & MSR.LE else "little" for msr in msr_values(plan.modes)}
    is_user = all(msr & MSR.PR and msr & MSR.SF for msr in msr_values(plan.modes))
    if len(orders) != 1 or not is_user:
        raise UserError("a recorder runs user programs of one byte order: -mode le64 or be64")
    order = orders.pop()
    rows = [row for row in plan.chosen_rows() if row.name not in UNWANTED]
    generator = Generator(rows, plan.model, msr_values(plan.modes))
    pieces: list[np.ndarray] = []
    number = 0
    while sum(len(piece) for piece in pieces) < count:
        strategy, own = plan.strategy_of(number)
        pieces.append(generator.batch(strategy, plan.batch, plan.seed, own).batch.cases)
        number += 1
    cases = np.concatenate(pieces)[:count]
    made = {"strategies": list(plan.strategies), "rows": plan.rows, "seed": plan.seed,
            "modes": list(plan.modes)}  # fmt: skip
    place = path.with_suffix(".cases")
    try:
        path.write_text(program_text(path.name, place.name, order), encoding="utf-8")
        place.write_bytes(_file(cases, order, {"model": plan.model, "made": made}))
    except OSError as error:
        raise UserError(f"cannot write {error.filename}: {error.strerror}") from error
    return place


def _sign(order: str) -> Literal["<", ">"]:
    return "<" if order == "little" else ">"


def _file(cases: np.ndarray, order: str, about: dict[str, Any]) -> bytes:
    sign = _sign(order)
    slots = np.zeros(len(cases), SLOT.newbyteorder(sign))
    fill_slots(slots, cases, order)
    digest = hashlib.sha256(cases.tobytes()).hexdigest()
    head = np.zeros(1, HEAD.newbyteorder(sign))
    head["count"], head["magic"] = len(cases), MAGIC
    head["about"] = json.dumps({**about, "order": order, "digest": digest}).encode()
    return head.tobytes() + slots.tobytes() + cases.tobytes()


def read_answers(path: Path) -> tuple[Recorded, str, dict[str, Any], np.ndarray, np.ndarray]:
    """Who recorded, the model, how the cases were made, the cases, and the outcomes.

    Raises UserError when the file is damaged, or was not run to its end.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error
    if len(data) < HEADER_BYTES or data[16:30] != MAGIC[:-2]:
        raise UserError(f"{path} holds no cases of a recorder")
    try:
        about = json.loads(data[32:SAYS].split(b"\0")[0])
        sign = _sign(about["order"])
        head = np.frombuffer(data, HEAD.newbyteorder(sign), 1)[0]
        count, done = int(head["count"]), int(head["done"])
        slots = np.frombuffer(data, SLOT.newbyteorder(sign), count, HEADER_BYTES)
        behind = HEADER_BYTES + slots.nbytes
        cases = np.frombuffer(data, CASE, count, behind).copy()
        if hashlib.sha256(cases.tobytes()).hexdigest() != about["digest"]:
            raise ValueError("its cases are not those that were written")
        model, made = str(about["model"]), dict(about["made"])
    except (ValueError, LookupError, TypeError) as error:
        raise UserError(f"{path} is damaged: {error}") from error
    if done < count:
        raise UserError(f"{path}: {done} of {count} cases were run; start the recorder again")
    outcomes = outcomes_of(slots, cases, about["order"])
    lost = slots["signal"] & np.uint64(CRASH) != 0
    outcomes[lost] = unanswered(cases[lost])
    outcomes["kind"][lost] = Kind.CRASH
    lines = bytes(head["says"]).decode("utf-8", "replace").splitlines()
    says = [line.split(":", 1) for line in lines if ":" in line]
    identity = {"program": "recorder", **{name.strip(): text.strip() for name, text in says}}
    return Recorded("recorder", USER_FIELDS, identity), model, made, cases, outcomes
