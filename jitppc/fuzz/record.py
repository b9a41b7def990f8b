"""Writing trace files: from a reference that can be asked, or from a recorder's answers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from jitppc.errors import UserError

from . import differences
from .generate import Generator
from .modes import msr_values
from .plan import Plan
from .sides import open_side
from .traces import TraceWriter, provenance

Progress = Callable[[str, float | None], None]


def record(plan: Plan, cases: int, path: Path, progress: Progress) -> int:
    """Write what the plan's reference does with so many cases; returns how many it could say.

    When it ends early, the file holds what was recorded until then.
    """
    reference = open_side(plan.reference, plan.model)
    try:
        rows = [row for row in plan.chosen_rows() if reference.can_judge(row, plan.model)]
        if not rows:
            raise UserError(f"{plan.reference} can judge none of these instructions: {plan.rows}")
        in_lines = [not differences.has_waiver(row.key, reference) for row in rows]
        generator = Generator(rows, plan.model, msr_values(plan.modes), in_lines)
        made = {
            "strategies": list(plan.strategies),
            "modes": list(plan.modes),
            "rows": plan.rows,
            "seed": plan.seed,
        }
        with TraceWriter(path, provenance(reference, plan.model, made)) as writer:
            done = number = 0
            while done < cases:
                strategy, own = plan.strategy_of(number)
                count = min(plan.batch, cases - done)
                batch = generator.batch(strategy, count, plan.seed, own).batch
                writer.add(batch.cases, reference.run(batch))
                done, number = done + count, number + 1
                progress(f"recording {plan.reference}", done / cases)
        return writer.count
    finally:
        reference.close()


def take_answers(answers: Path, path: Path) -> int:
    """Turn a file that a recorder has filled into a trace file."""
    from .recorder import read_answers

    side, model, made, cases, outcomes = read_answers(answers)
    with TraceWriter(path, provenance(side, model, made)) as writer:
        writer.add(cases, outcomes)
    return writer.count
