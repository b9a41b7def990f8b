"""The shortest program and the smallest state that still differ.

First whole batches of simpler cases are tried at once, which settles most of it. What is left is
described to Hypothesis: which instructions stay, the fields of each row, and every register that
is not zero. Hypothesis starts from the case itself and makes it simpler by its own rules. The flags
of a case stay: they say what has to be tidied up behind it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np

from jitppc.errors import UserError

from .cases import MEMORY_BYTES, STATE, note_relative_stores
from .generate_values import legal_fpscr
from .program import NOP, Item, join, row_of, split, without

#: of an array of cases, which ones fail
Fails = Callable[[np.ndarray], np.ndarray]
Component = tuple[str, tuple[int, ...]]
SECONDS = 20.0
#: parts of the state that are the case's frame rather than operands
FRAME = frozenset({"nia", "msr"})


def shrink(case: np.ndarray, model: str, asked: Fails, seconds: float = SECONDS) -> np.ndarray:
    """The smallest case found within the time; `case` itself (an array of one) must fail."""
    until = time.monotonic() + seconds
    before = None

    def fails(cases: np.ndarray) -> np.ndarray:
        return asked(legal(cases))

    while before is None or (before != case.tobytes() and time.monotonic() < until):
        before = case.tobytes()
        case = _fewer_words(case, model, fails)
        case = _fewer_components(case, fails)
    return legal(_by_hypothesis(case, model, fails, until))


def legal(cases: np.ndarray) -> np.ndarray:
    """The cases with states that a processor can be in."""
    cases = cases.copy()
    cases["state"]["fpscr"] = legal_fpscr(cases["state"]["fpscr"])
    note_relative_stores(cases)
    return cases


# --- many at once
def _fewer_words(case: np.ndarray, model: str, fails: Fails) -> np.ndarray:
    """Leave out, or replace by nop, one instruction after the other."""
    while True:
        items = split(case[0], model)
        tries = [join(without(items, n), case) for n in range(len(items)) if len(items) > 1]
        tries += [
            join([*items[:n], Item(NOP), *items[n + 1 :]], case)
            for n, item in enumerate(items)
            if item.word != NOP and len(items) > 1
        ]
        found = _first_failing(tries, fails)
        if found is None:
            return case
        case = found


def _first_failing(tries: list[np.ndarray], fails: Fails) -> np.ndarray | None:
    if not tries:
        return None
    failing = np.flatnonzero(fails(np.concatenate(tries)))
    return tries[int(failing[0])] if len(failing) else None


def components(case: np.ndarray) -> list[Component]:
    """The registers and doublewords of memory that are not zero."""
    found: list[Component] = []
    for name in STATE.names or ():
        value = case["state"][name][0]
        if name not in FRAME:
            found += [(name, tuple(map(int, place))) for place in np.argwhere(value)]
    doublewords = case["memory"][0].view("<u8")
    found += [("memory", (int(n),)) for n in np.flatnonzero(doublewords)]
    return found


def get(case: np.ndarray, component: Component) -> int:
    """What a component holds."""
    name, place = component
    if name == "memory":
        return int(case["memory"][0].view("<u8")[place])
    return int(case["state"][name][(0, *place)])


def put(case: np.ndarray, component: Component, value: int) -> None:
    """Change a component of the case."""
    name, place = component
    if name == "memory":
        case["memory"][0].view("<u8")[place] = value
    else:
        case["state"][name][(0, *place)] = value


def _fewer_components(case: np.ndarray, fails: Fails) -> np.ndarray:
    """Zero what can be zero: all that can be alone, or half of these, and so on."""
    present = components(case)
    tries = np.repeat(case, len(present))
    for n, component in enumerate(present):
        put(tries[n : n + 1], component, 0)
    if not len(tries):
        return case
    candidates = [c for c, bad in zip(present, fails(tries), strict=True) if bad]
    while candidates:
        size = len(candidates)
        while size:
            smaller = case.copy()
            for component in candidates[:size]:
                put(smaller, component, 0)
            if fails(smaller)[0]:
                case = smaller
                break
            size //= 2
        candidates = candidates[max(size, 1) :]
    return case


# --- Hypothesis
def _by_hypothesis(case: np.ndarray, model: str, fails: Fails, until: float) -> np.ndarray:
    try:
        import hypothesis
        from hypothesis import strategies as st
        from hypothesis.database import InMemoryExampleDatabase, choices_to_bytes
    except ImportError as error:
        raise UserError(
            "making findings small needs Hypothesis: pip install 'jitppc[fuzz]'"
        ) from error

    items, present = split(case[0], model), components(case)
    free = [list(_fields(item, model)) for item in items]

    @st.composite
    def nearby(draw: st.DrawFn) -> np.ndarray:
        """The case with some instructions left out, other fields, and other register contents."""
        kept = [draw(st.booleans()) for _ in items[1:]]
        changed = []
        for item, fields in zip(items, free, strict=True):
            word = item.word
            for shift, width in fields:
                value = draw(st.integers(0, (1 << width) - 1))
                word = word & ~((1 << width) - 1 << shift) | value << shift
            changed.append(Item(word, item.target))
        for n in reversed(range(1, len(items))):
            if not kept[n - 1]:
                changed = without(changed, n)
        smaller = join(changed, case)
        for component in present:
            put(smaller, component, draw(st.integers(0, _greatest(component))))
        return smaller

    choices: list[int | bool] = [True] * (len(items) - 1)
    for item, fields in zip(items, free, strict=True):
        choices += [item.word >> shift & (1 << width) - 1 for shift, width in fields]
    choices += [get(case, component) for component in present]
    database = InMemoryExampleDatabase()
    # what is in the primary corpus would count as shrunk already
    database.save(b"finding.secondary", choices_to_bytes(choices))
    best, answers = case, {case.tobytes(): True}

    def still_fails(candidate: np.ndarray) -> bool:
        """The same answer whenever it is asked, also when time is over."""
        nonlocal best
        text = candidate.tobytes()
        if text not in answers:
            if time.monotonic() > until:
                return False
            answers[text] = _same_rows(candidate, items, model) and bool(fails(candidate)[0])
            if answers[text]:
                best = candidate  # Hypothesis only goes on from what is simpler
        return answers[text]

    settings = hypothesis.settings(
        database=database,
        phases=[hypothesis.Phase.reuse, hypothesis.Phase.shrink],
        suppress_health_check=list(hypothesis.HealthCheck),
        verbosity=hypothesis.Verbosity.quiet,
    )
    try:
        return hypothesis.find(nearby(), still_fails, settings=settings, database_key=b"finding")
    except (
        hypothesis.errors.NoSuchExample,
        hypothesis.errors.Unsatisfiable,
        hypothesis.errors.Flaky,
    ):
        return best  # out of time


def _fields(item: Item, model: str) -> Iterator[tuple[int, int]]:
    """(shift, width) of what may change in a word: not where a branch goes."""
    row = row_of(item.word, model)
    if row is not None and item.target is None:
        yield from row.picture.fields.values()


def _same_rows(case: np.ndarray, items: list[Item], model: str) -> bool:
    """No field has made another instruction of a word."""
    mine = {row.key for item in items if (row := row_of(item.word, model))}
    for item in split(case[0], model):
        row = row_of(item.word, model)
        if row is not None and (row.key not in mine or (row.accept and not row.accept(item.word))):
            return False
    return True


def _greatest(component: Component) -> int:
    name, _ = component
    return {"cr": 2**32 - 1, "xer": 2**32 - 1, "fpscr": 2**35 - 1}.get(name, 2**64 - 1)


assert MEMORY_BYTES % 8 == 0
