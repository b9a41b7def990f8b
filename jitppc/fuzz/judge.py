"""One process's share of a campaign: a reference, some tiers, and batches between them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from functools import cached_property

import numpy as np

from jitppc.errors import UserError

from . import differences, replay
from .cases import Batch, unanswered
from .events import At, Done, Found, Ready, Smaller
from .generate import Generated, Generator
from .modes import msr_values
from .plan import Plan
from .program import keys_of
from .recordings import open_recording
from .reference import Recording, Reference
from .shrink import SECONDS, shrink
from .sides import open_side
from .sign import Sign

#: in one batch, so many findings of one tier are made small; the others are counted
SHRUNK_PER_BATCH = 3
STATES_OF_A_REGION = 64


class Judge:
    """The sides of a plan, opened; runs its batches."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.shrinks = True
        self._known: set[tuple[str, str]] = set()
        self._small: list[tuple[str, Sign]] = []
        self._recording: Recording | None = open_recording(plan.reference, plan.model)
        if self._recording is not None and self._recording.model != plan.model:
            was = self._recording.model
            raise UserError(f"{plan.reference} was recorded on {was}: give -model {was}")
        self._reference: Reference | None = None
        self._tiers = {name: open_side(name, plan.model) for name in plan.tiers}
        if self._recording is None:
            self._reference = open_side(plan.reference, plan.model)
            self._generator = self._make_generator(self._reference)
            self._keys = np.array([row.key for row in self._generator.rows], object)

    @cached_property
    def _identity(self) -> dict[str, str]:
        """Who judges; asking may start a program, so it is done once."""
        return self._side.identity()

    def _make_generator(self, reference: Reference) -> Generator:
        plan = self.plan
        sides = [reference, *self._tiers.values()]
        rows = [
            row
            for row in plan.chosen_rows()
            if all(side.can_judge(row, plan.model) for side in sides)
        ]
        if not rows:
            raise UserError(f"{plan.reference} can judge none of these instructions: {plan.rows}")
        in_lines = [not differences.has_waiver(row.key, reference) for row in rows]
        # a region is compiled for each line of words
        repeat = STATES_OF_A_REGION if "regions" in plan.tiers else 1
        return Generator(rows, plan.model, msr_values(plan.modes), in_lines, repeat)

    def ready(self) -> Ready:
        """What this process can judge."""
        if self._recording is not None:
            count = -(-len(self._recording) // self.plan.batch)
            return Ready((), self._identity, count)
        assert self._reference is not None
        return Ready(tuple(self._keys), self._identity)

    def close(self) -> None:
        """References and tiers are given back."""
        for side in (self._reference, *self._tiers.values()):
            if side is not None:
                side.close()

    # --- batches
    def make(self, number: int) -> Generated:
        """The cases of a batch that is generated."""
        strategy, own = self.plan.strategy_of(number)
        return self._generator.batch(strategy, self.plan.batch, self.plan.seed, own)

    def run(self, number: int) -> Iterator[Found | Smaller | Done]:
        """Judge a batch."""
        started = time.perf_counter()
        if self._recording is not None:
            start = number * self.plan.batch
            batch, theirs, undefined = self._recording.part(start, start + self.plan.batch)
            names = keys_of(batch.cases, self.plan.model)
        else:
            assert self._reference is not None
            made = self.make(number)
            batch, names = made.batch, self._keys[made.numbers]
            names[made.numbers < 0] = ""
            theirs = self._reference.run(batch)
            undefined = self._reference.undefined(batch, theirs)
        judged: Counter[tuple[str, str]] = Counter()
        found: list[tuple[str, np.ndarray, np.ndarray]] = []
        for name, tier in self._tiers.items():
            ours = tier.run(batch)
            bad = differences.differing(
                batch, ours, theirs, undefined, self._side, keys=names[:, 0]
            )
            answered = ~np.isin(ours["kind"], differences.UNJUDGED)
            answered &= ~np.isin(theirs["kind"], differences.UNJUDGED)
            keys, counts = np.unique(names[answered].astype(str), return_counts=True)
            judged.update({(str(k), name): int(c) for k, c in zip(keys, counts, strict=True) if k})
            found.append((name, ours, np.flatnonzero(bad)))
        seconds = time.perf_counter() - started
        for name, ours, places in found:
            yield from self._findings(number, name, batch, ours, theirs, places)
        differing = sum(len(places) for _, _, places in found)
        yield Done(number, len(batch), differing, seconds, dict(judged))

    def careful(self, number: int) -> Iterator[At | Done]:
        """A batch case by case, each announced before a side runs it: one of them is deadly."""
        batch = self._cases(number)
        sides = {self.plan.reference: self._reference, **self._tiers}
        for place in range(len(batch)):
            one = batch.part(slice(place, place + 1))
            nothing = unanswered(one.cases)
            for name, side in sides.items():
                if side is not None:
                    text = self._replay(number, place, name, one, nothing, nothing)
                    yield At(number, place, name, text)
                    side.run(one)
        yield Done(number, len(batch), 0, 0.0)

    def _cases(self, number: int) -> Batch:
        if self._recording is None:
            return self.make(number).batch
        start = number * self.plan.batch
        return self._recording.part(start, start + self.plan.batch)[0]

    @property
    def _side(self) -> Reference | Recording:
        side = self._recording or self._reference
        assert side is not None
        return side

    # --- findings
    def _findings(
        self,
        number: int,
        tier: str,
        batch: Batch,
        ours: np.ndarray,
        theirs: np.ndarray,
        places: np.ndarray,
    ) -> Iterator[Found | Smaller]:
        groups: dict[str, list[int]] = {}
        for place in places:
            one = slice(place, place + 1)
            known = self._sign(tier, batch.part(one), ours[one], theirs[one])
            name = str(known or f"batch {number} case {place}")
            groups.setdefault(name, []).append(int(place))
        shrunk = 0
        for sign, members in groups.items():
            is_new = (tier, sign) not in self._known
            shrinks = self.shrinks and is_new and shrunk < SHRUNK_PER_BATCH
            shrinks &= self._reference is not None
            if is_new and not shrinks and sign.startswith("batch "):
                continue  # one of many lines of instructions: it is counted, and that is all
            self._known.add((tier, sign))
            place = members[0]
            one = slice(place, place + 1)
            text = self._replay(number, place, tier, batch.part(one), ours[one], theirs[one])
            token = number << 16 | place
            yield Found(number, place, tier, "differs", sign, text, token, len(members), shrinks)
            if shrinks:
                shrunk += 1
                yield self._smaller(token, number, place, tier, batch.part(one))

    def _smaller(self, token: int, number: int, place: int, tier: str, batch: Batch) -> Smaller:
        wanted = self._parts(batch, *self._both(tier, batch)[:2])

        def fails(cases: np.ndarray) -> np.ndarray:
            tried = Batch(cases, batch.model)
            ours, theirs, bad = self._both(tier, tried)
            for n in np.flatnonzero(bad):
                one = slice(n, n + 1)
                bad[n] = bool(wanted & self._parts(tried.part(one), ours[one], theirs[one]))
            return bad

        case = shrink(batch.cases.copy(), batch.model, fails, SECONDS)
        small = Batch(case, batch.model)
        ours, theirs, _ = self._both(tier, small)
        sign = Sign.of(small, ours, theirs, self._side.fields)
        self._small.append((tier, sign))
        self._known.add((tier, str(sign)))
        text = self._replay(number, place, tier, small, ours, theirs)
        return Smaller(token, str(sign), text)

    def _both(self, tier: str, batch: Batch) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        assert self._reference is not None
        ours, theirs = self._tiers[tier].run(batch), self._reference.run(batch)
        undefined = self._reference.undefined(batch, theirs)
        bad = differences.differing(batch, ours, theirs, undefined, self._reference)
        return ours, theirs, bad

    def _parts(self, batch: Batch, ours: np.ndarray, theirs: np.ndarray) -> frozenset[str]:
        return Sign.of(batch, ours, theirs, self._side.fields).parts

    def _sign(
        self, tier: str, batch: Batch, ours: np.ndarray, theirs: np.ndarray
    ) -> Sign | None:
        """The finding that a difference is taken for; None for a line of instructions that no
        finding explains.
        """
        sign = Sign.of(batch, ours, theirs, self._side.fields)
        if len(sign.rows) <= 1:
            return sign
        known = (small for name, small in self._small if name == tier and small.explains(sign))
        return next(known, None)

    def _replay(
        self, number: int, place: int, tier: str, batch: Batch, ours: np.ndarray, theirs: np.ndarray
    ) -> str:
        plan = self.plan
        strategy = "recorded" if self._recording is not None else plan.strategy_of(number)[0]
        origin = {"strategy": strategy, "seed": plan.seed, "batch": number, "place": place}
        return replay.to_text(
            replay.Replay(
                plan.model,
                tier,
                plan.reference,
                self._identity,
                self._side.fields,
                origin,
                batch.cases,
                theirs,
                ours,
            )
        )
