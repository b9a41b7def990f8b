"""Options of `jitppc fuzz`."""

import re
from collections.abc import Callable
from pathlib import Path

from jitppc.option import Option

#: what may stand in -reference beside a file
REFERENCES = ("qemu-user", "qemu-system", "evaluator", "vectors", "interp", "exact", "regions")
TIERS = ("interp", "exact", "regions", "evaluator")
MODELS = ("power8", "power9", "power10")
STRATEGIES = ("single", "block", "loop", "pages", "changing", "registers", "interrupted")
#: what `all` leaves out: not every reference has privileged state
PRIVILEGED = ("registers", "interrupted")
MODES = (
    "le64", "be64", "le32", "be32", "supervisor", "no-fp", "no-vec", "no-vsx", "quiet",
)  # fmt: skip
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def duration(text: str) -> float:
    """Seconds: 90, 90s, 10m, 2h, 1d."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd]?)", text.strip())
    if match is None or not float(match[1]):
        raise ValueError("a time such as 90s, 10m, 2h or 1d")
    return float(match[1]) * _UNITS[match[2] or "s"]


def number(text: str) -> int:
    """A positive number; 20k and 10M are taken too."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([kKmM]?)", text.strip())
    value = 0
    if match is not None:
        value = int(float(match[1]) * {"": 1, "k": 1000, "m": 1_000_000}[match[2].lower()])
    if value < 1:
        raise ValueError("a number such as 5000, 20k or 10M")
    return value


def seed(text: str) -> int:
    """A number of 64 bits, decimal or with 0x."""
    value = int(text, 0)
    if not 0 <= value < 1 << 64:
        raise ValueError("a number below 2**64")
    return value


def some_of(*names: str, but: tuple[str, ...] = ()) -> Callable[[str], tuple[str, ...]]:
    """A list with commas, of these names; `all` is every one (but some)."""

    def parse(text: str) -> tuple[str, ...]:
        everything = tuple(name for name in names if name not in but)
        chosen = everything if text == "all" else tuple(dict.fromkeys(text.split(",")))
        for name in chosen:
            if name not in names:
                raise ValueError(f"no {name!r}; there are {', '.join(names)}, and `all`")
        return chosen

    return parse


def model(text: str) -> str:
    """A processor model."""
    if text.lower() not in MODELS:
        raise ValueError(f"there are {', '.join(MODELS)}")
    return text.lower()


FUZZ_OPTIONS = (
    # what is run
    Option(("strategy",), "A,B", f"how cases are made: {', '.join(STRATEGIES)}, or all (single)",
           "strategies", some_of(*STRATEGIES, but=PRIVILEGED), "cases"),
    Option(("rows",), "GLOB", "instructions by name, as in 'add*,lx*,!lxvl*' (*)", "rows",
           group="cases"),
    Option(("mode",), "A,B", f"MSR at the start: {', '.join(MODES)} (le64)", "modes",
           some_of(*MODES), "cases"),
    Option(("seed",), "N", "another seed makes other cases (0)", "seed", seed, "cases"),
    Option(("batch",), "N", "cases made, run and compared at once (2048)", "batch", number,
           "cases"),
    # who judges
    Option(("reference",), "R",
           f"{', '.join(REFERENCES)}, a trace file, or MODULE:CLASS (qemu-user)", "reference",
           group="sides"),
    Option(("tiers",), "A,B", f"what is judged: {', '.join(TIERS)} (interp)", "tiers",
           some_of(*TIERS, but=("evaluator",)), "sides"),
    Option(("model",), "MODEL", f"processor: {', '.join(MODELS)} (power9)", "model", model,
           "sides"),
    # how long, and where
    Option(("for",), "TIME", "end after 90s, 10m, 2h or 1d", "seconds", duration, "length"),
    Option(("cases",), "N", "end after so many cases in all: 20k, 10M", "cases", number,
           "length"),
    Option(("findings",), "N", "end after so many findings (50)", "findings", number, "length"),
    Option(("jobs",), "N", "worker processes (one for each processor)", "jobs", number,
           "length"),
    Option(("scheduler",), "ADDRESS", "run on a Dask cluster, as in tcp://host:8786", "scheduler",
           group="length"),
    # what is kept
    Option(("ledger",), "FILE", "what was judged and found (jitppc-fuzz.sqlite)", "ledger", Path,
           "results"),
    Option(("out",), "DIR", "where replay files go (jitppc-fuzz-findings)", "folder", Path,
           "results"),
    Option(("fresh",), "", "forget what the ledger has of this campaign", "fresh",
           group="results"),
    Option(("o", "output"), "FILE", "of record and recorder: where to write", "output", Path,
           "results"),
    Option(("parquet",), "FILE", "of export: write Parquet", "parquet", Path, "results"),
    Option(("json",), "FILE", "of export: write JSON", "json", Path, "results"),
    Option(("answers",), "FILE", "of record: a file that a recorder has filled", "answers", Path,
           "results"),
    Option(("v", "verbose"), "", "of a finding, show every register", "verbose",
           group="results"),
)  # fmt: skip

FUZZ_NOTES = """\
jitppc fuzz                      make cases, run them on both sides, report what differs
jitppc fuzz replay FILE          run the case of a replay file again
jitppc fuzz export -json FILE    the ledger for other tools
jitppc fuzz record -o FILE       write a trace file of what a reference does
jitppc fuzz recorder -o FILE.c   write a C program that records on real hardware

A campaign that is started again with the same options goes on where it was. See docs/fuzz.md.

Exit status: 0 nothing differs; 1 something does; 2 something given cannot be used; 130 Ctrl-C."""
