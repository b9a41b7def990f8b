"""Judging every row by every independent reference: the counts behind `jitppc isa`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from jitppc.frontend.decode import rows
from jitppc.frontend.rows import Row
from jitppc.ir.layout import MSR

from . import differences
from .cases import USER_LE64, Batch, Kind
from .generate import ROWS_PER_BATCH, Generator
from .generate_registers import takes_part
from .reference import Recording, Reference
from .references import open_reference
from .references.ieee754 import Ieee754Recording
from .references.observed import ObservedRecording
from .references.power9 import FixedRecording
from .traces import open_traces

#: how a case may end without saying anything about the instruction's meaning
SILENT = (*differences.UNJUDGED, Kind.ILLEGAL, Kind.PRIVILEGED)
SEED = 20_261_121
#: answers of an emulator that is newer than the one at hand
NEWER = Path(__file__).parent / "data" / "newer"
STEP = 8192
Judged = dict[str, Counter[str]]
Say = Callable[[str], None]


def agreed(
    batch: Batch, ours: np.ndarray, theirs: np.ndarray, undefined: np.ndarray | None,
    side: Reference | Recording, silent: tuple[Kind, ...] = SILENT,
) -> np.ndarray:
    """The cases that the reference has judged, and in our favour."""
    differs = differences.differing(batch, ours, theirs, undefined, side)
    speaks = ~(np.isin(ours["kind"], silent) | np.isin(theirs["kind"], silent))
    same_end = (ours["kind"] == theirs["kind"]) & (ours["state"]["nia"] == theirs["state"]["nia"])
    return ~differs & speaks & same_end


def by_recording(
    side: Recording, tier: Reference, judged: Judged, limit: int | None = None
) -> None:
    """All cases of a recording, or so many of each step."""
    for start in range(0, len(side), STEP):
        stop = min(start + STEP, len(side)) if limit is None else min(start + limit, len(side))
        batch, theirs, undefined = side.part(start, stop)
        # what is a fact is right when it is privileged, too
        silent = SILENT[:-1] if isinstance(side, ObservedRecording) else SILENT
        good = agreed(batch, tier.run(batch), theirs, undefined, side, silent)
        for place in np.flatnonzero(good):
            row = differences.row_of(batch.cases[place], batch.model)
            if row is not None:
                judged.setdefault(row.key, Counter())[_label(side)] += 1


def _label(side: Recording) -> str:
    """What judgements call a recording: of an emulator, with its major version and its model."""
    return f"{side.name}-{side.version[0]}/{side.model}" if side.version else side.name


def by_reference(
    side: Reference, model: str, tier: Reference, judged: Judged, *, cases: int,
    msr: int = USER_LE64, only: Iterable[Row] | None = None, strategy: str = "single",
    silent: tuple[Kind, ...] = SILENT,
) -> None:
    """About `cases` cases of each row that both sides can judge on this model."""
    chosen = [
        row for row in (rows().values() if only is None else only)
        if side.can_judge(row, model) and tier.can_judge(row, model)
    ]  # fmt: skip
    label = f"{side.name}/{model}"
    size = ROWS_PER_BATCH if strategy == "single" else len(chosen)
    for first in range(0, len(chosen), size):
        some = chosen[first : first + size]
        made = Generator(some, model, (msr,)).batch(strategy, cases * len(some), SEED, 0)
        theirs = side.run(made.batch)
        ours = tier.run(made.batch)
        undefined = side.undefined(made.batch, theirs)
        good = agreed(made.batch, ours, theirs, undefined, side, silent)
        used = made.numbers[good]
        for number, count in Counter(used[used >= 0].tolist()).items():
            judged.setdefault(some[number].key, Counter())[label] += count


def judge_all(cases: int, say: Say) -> Judged:
    """The judgements of every row by everything independent that is installed."""
    judged: Judged = {}
    tier = open_reference("interp", "power9")
    recordings: list[Recording] = [FixedRecording("power9"), Ieee754Recording("power9")]
    recordings += [ObservedRecording(model) for model in ("power7", "power9", "power10")]
    recordings += [open_traces(path) for path in sorted(NEWER.glob("*.parquet"))]
    for recording in recordings:
        say(f"{_label(recording)}: {len(recording)} cases")
        by_recording(recording, tier, judged)
    side = open_reference("qemu-user", "power9")
    for model in side.models:
        if model in tier.models:
            say(f"{side.name} {model}: {cases} cases of each row in each byte order")
            for msr in (USER_LE64, USER_LE64 & ~MSR.LE):
                by_reference(side, model, tier, judged, cases=cases, msr=msr)
    side.close()
    side = open_reference("qemu-system", "power9")
    for model in side.models:
        say(f"{side.name} {model}: {cases} cases of each row of privileged state")
        by_system(side, model, tier, judged, cases=cases)
    side.close()
    tier.close()
    return judged


def by_system(
    side: Reference, model: str, tier: Reference, judged: Judged, *, cases: int
) -> None:
    """Rows of privileged state: registers written and read back, the others one by one."""
    known = [row for row in rows().values() if side.can_judge(row, model)]
    supervisor = USER_LE64 & ~(MSR.PR | MSR.EE)
    special = [row for row in known if row.name in ("mfspr", "mtspr") or takes_part(row)]
    alone = [row for row in known if not takes_part(row)]
    by_reference(
        side, model, tier, judged, cases=cases // 2, msr=supervisor, only=special,
        strategy="registers",
    )
    for msr in (supervisor, USER_LE64, supervisor | MSR.TM):
        by_reference(side, model, tier, judged, cases=cases // 4, msr=msr, only=alone)
    # few words name an entry that there is
    segments = [row for row in alone if row.name.startswith("slbm")]
    by_reference(side, model, tier, judged, cases=8 * cases, msr=supervisor, only=segments)
    # what a partition may not do at all is right when it is privileged
    refused = [row for row in known if row.body.__module__.endswith("hypervisor")]
    silent = tuple(kind for kind in SILENT if kind != Kind.PRIVILEGED)
    by_reference(
        side, model, tier, judged, cases=cases // 4, msr=supervisor, only=refused, silent=silent
    )
