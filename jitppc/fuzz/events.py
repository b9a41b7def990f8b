"""What a worker tells the campaign. All of it can be pickled."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Ready:
    """The worker has opened its references and can take batches.

    Fields:
        rows: keys of the rows that all sides can judge; none for a recording, whose rows are
            known when it has been read.
        identity: of the reference.
        batches: how many there are, None when they do not end.
    """

    rows: tuple[str, ...]
    identity: dict[str, str]
    batches: int | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A case in which a tier and the reference differ.

    Fields:
        token: the same in the `Smaller` that follows.
        kind: differs, died or hung.
        sign: which rows and what differs; findings of one sign are one finding.
        replay: contents of the replay file.
        times: in how many cases of the batch.
        will_shrink: a `Smaller` follows.
    """

    batch: int
    place: int
    tier: str
    kind: str
    sign: str
    replay: str
    token: int = 0
    times: int = 1
    will_shrink: bool = False


@dataclass(frozen=True, slots=True)
class Smaller:
    """The same finding after shrinking."""

    token: int
    sign: str
    replay: str


@dataclass(frozen=True, slots=True)
class Done:
    """A batch is finished: how many cases differ without an explanation, how long it took without
    making findings small, and how many cases by (row, tier) were judged.
    """

    batch: int
    cases: int
    differing: int
    seconds: float
    judged: dict[tuple[str, str], int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class At:
    """A worker that looks for a deadly case is about to run the one at this place on a side."""

    batch: int
    place: int
    side: str
    replay: str


@dataclass(frozen=True, slots=True)
class Lost:
    """A worker has ended in a batch (`kind` died), or did not answer in time (`hung`).

    `at` is the case, if it is known.
    """

    batch: int
    kind: str
    at: At | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """The reference cannot go on; one line that says why."""

    message: str


Event = Ready | Found | Smaller | Done | At | Lost | Failed
