"""A campaign: batch numbers out to workers, events back into the ledger, until it has to end."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from jitppc.errors import ReferenceFailure, UserError

from . import replay
from .events import Done, Event, Failed, Found, Lost, Ready, Smaller
from .ledger import Ledger
from .plan import Plan

#: workers that end before they could begin, in a row, until the campaign gives up
FAILURES = 3


class Workers(AbstractContextManager, Protocol):
    """Processes here or elsewhere that run batches."""

    def run(self, numbers: Iterator[int]) -> Iterator[Event | None]:
        """Events as they come; None now and then, so that time can be looked at."""


@dataclass(frozen=True, slots=True)
class Limits:
    """When a campaign ends by itself; None: not for this reason."""

    seconds: float | None = None
    cases: int | None = None
    findings: int | None = None


@dataclass(slots=True)
class Standing:
    """How far a campaign is, earlier runs of the same campaign included."""

    cases: int = 0
    here: int = 0  # of them in this run
    seconds: float = 0.0  # of this run
    differing: int = 0
    findings: int = 0
    rows: int = 0  # that all sides can judge
    judged: dict[tuple[str, str], int] = field(default_factory=dict)
    names: tuple[str, ...] = ()

    @property
    def rate(self) -> float:
        """Cases per second in this run."""
        return self.here / self.seconds if self.seconds else 0.0

    def covered(self) -> set[str]:
        """Keys of the rows that have been judged."""
        return {row for row, _ in self.judged}


class Listener(Protocol):
    """Whoever shows a campaign."""

    def progress(self, standing: Standing) -> None:
        """Called a few times a second."""

    def found(self, number: int, found: replay.Replay, kind: str) -> None:
        """A new finding; for one that could be made smaller it is called when it has been."""


class Campaign:
    """One run of a plan against a ledger."""

    def __init__(
        self,
        plan: Plan,
        ledger: Ledger,
        limits: Limits,
        listener: Listener,
        folder: Path,
        *,
        fresh: bool = False,
    ) -> None:
        self._fresh = fresh
        self.plan, self._ledger, self._limits = plan, ledger, limits
        self._listener, self._folder = listener, folder
        self.standing = Standing()
        self._id: int | None = None
        self._pending: dict[int, tuple[int, Found]] = {}
        self._failures = 0
        self._started = time.monotonic()
        self._stop = False
        self._count: int | None = None  # of batches, where they end

    def run(self, workers: Workers) -> Standing:
        """Until a limit is reached or there is nothing more to judge.

        Raises ReferenceFailure when the reference cannot go on. Whatever ends it, all that was
        found is in the ledger and in replay files.
        """
        try:
            with workers:
                for event in workers.run(self._numbers()):
                    self._take(event)
                    self.standing.seconds = time.monotonic() - self._started
                    self._listener.progress(self.standing)
        finally:
            for number, found in self._pending.values():
                self._show(number, found.replay, found.kind)
            self._pending.clear()
        return self.standing

    def _numbers(self) -> Iterator[int]:
        """Numbers of batches that are not in the ledger, while there is time."""
        number = 0
        done = self._ledger.done(self._id) if self._id is not None else set()
        planned = self.standing.cases
        while not self._is_over(planned) and (self._count is None or number < self._count):
            if number not in done:
                planned += self.plan.batch
                yield number
            number += 1

    def _is_over(self, planned: int) -> bool:
        limits = self._limits
        late = limits.seconds is not None and time.monotonic() - self._started > limits.seconds
        enough = limits.cases is not None and planned >= limits.cases
        many = limits.findings is not None and self.standing.findings >= limits.findings
        return self._stop or late or enough or many

    # --- events
    def _take(self, event: Event | None) -> None:
        if isinstance(event, Ready):
            self._begin(event)
        elif isinstance(event, Done):
            self._done(event)
        elif isinstance(event, Found):
            self._found(event)
        elif isinstance(event, Smaller):
            self._smaller(event)
        elif isinstance(event, Lost):
            self._lost(event)
        elif isinstance(event, Failed):
            self._failures += 1
            if self._failures >= FAILURES or "has died" not in event.message:
                raise ReferenceFailure(event.message)

    def _begin(self, ready: Ready) -> None:
        self._failures = 0
        if self._id is not None:
            return
        identity = {**self.plan.identity(ready.rows), "judge": ready.identity}
        self._id = self._ledger.campaign(identity, ready.identity)
        if self._fresh:
            self._ledger.forget(self._id)
        totals = self._ledger.totals(self._id)
        standing = self.standing
        standing.cases, standing.findings = totals.cases, totals.findings
        standing.differing = totals.differing
        standing.judged, standing.names = self._ledger.judged(self._id), ready.rows
        standing.rows, self._count = len(ready.rows), ready.batches
        self._started = time.monotonic()

    def _done(self, event: Done) -> None:
        assert self._id is not None
        self._ledger.add_batch(
            self._id, event.batch, event.cases, event.differing, event.seconds, event.judged
        )
        self.standing.cases += event.cases
        self.standing.differing += event.differing
        self.standing.here += event.cases
        for key, count in event.judged.items():
            self.standing.judged[key] = self.standing.judged.get(key, 0) + count

    def _found(self, event: Found) -> None:
        assert self._id is not None
        number = self._ledger.add_finding(
            self._id, event.batch, event.place, event.tier, event.kind, event.sign, event.replay
        )
        if event.times > 1:
            self._ledger.count_again(self._id, event.tier, event.sign, event.times - 1)
        if number is None:
            return
        self.standing.findings += 1
        self._pending[event.token] = number, event
        if not event.will_shrink:
            self._show(*self._leave(event.token))

    def _leave(self, token: int) -> tuple[int, str, str]:
        number, found = self._pending.pop(token)
        return number, found.replay, found.kind

    def _smaller(self, event: Smaller) -> None:
        if event.token not in self._pending:
            return
        number, _, kind = self._leave(event.token)
        if self._ledger.replace(number, event.sign, event.replay):
            self._show(number, event.replay, kind)
        else:
            self.standing.findings -= 1

    def _lost(self, event: Lost) -> None:
        """Batches whose worker ended: one with a known case is a finding; without, it is said."""
        assert self._id is not None
        at = event.at
        text = at.replay if at else json.dumps({"batch": event.batch})
        place, side = (at.place, at.side) if at else (-1, "?")
        sign = f"batch {event.batch} {event.kind} at {place}"
        number = self._ledger.add_finding(
            self._id, event.batch, place, side, event.kind, sign, text
        )
        self._ledger.add_batch(self._id, event.batch, 0, 0, 0.0, {})
        if number is not None:
            self.standing.findings += 1
            if at:
                self._show(number, text, event.kind)

    def _show(self, number: int, text: str, kind: str) -> None:
        """Write the replay file and tell the listener."""
        path = self._folder / f"finding-{number}.json"
        found = replay.from_text(text, str(path))
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            path.write_text(text + "\n", encoding="utf-8")
        except OSError as error:
            raise UserError(f"cannot write {path}: {error.strerror}") from error
        finally:
            self._listener.found(number, found, kind)
