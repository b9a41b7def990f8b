"""Two strategies side by side: the same guest twice, compared every few thousand instructions.

How both stay comparable:

* Time is retired instructions (`clock="insns"`), random numbers and the date are repeatable, and
  regions arrive at a pace that repeats (`Translator.tick`). So the whole run can be done again, and
  is, to find the place of a difference.
* The leader runs a step: about `STEP` instructions, to wherever its strategy can stop, or to a
  hypercall. The follower, whose strategy is "exact", runs to the same count of retired
  instructions. Then registers are compared, and from time to time all of RAM.
* A run loop looks for interrupts only where a slice begins. A step is shorter than a slice (by more
  than a strategy may overshoot: a page of straight code), and what ends a slice early (an
  instruction that lets a pending interrupt in) does so at the same instruction on both sides: so
  both look, and take interrupts, at the same counts.
* Input from outside reaches both between steps; it is remembered for the repetition.

At the first difference the run is done again up to the step before, and on in the smallest pieces:
the leader to its next jump or the end of a region, the follower instruction by instruction. With
the flag `quiet` these pieces do not look for interrupts, so their times stay those of the step.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, Self

from jitppc.ir.layout import MSR

from .compare import (
    Registers,
    different_pages,
    different_registers,
    pages_differ,
    registers_of,
)
from .exits import Exit, ExitReason
from .memory import GuestMemory
from .trace import Tracer
from .vcpu import Vcpu

STEP = 12_000
RAM_EVERY = 2000  # steps
SEARCHED = 4096  # bytes of console output that a pattern may span


class Side(Protocol):
    """A machine that can be run in steps."""

    memory: GuestMemory
    no_reboot: bool
    on_console: Callable[[bytes], None] | None

    @property
    def cpu(self) -> Vcpu: ...

    def advance(self, run: Callable[[Vcpu], Exit]) -> Any:
        """The processor runs by `run`, what it stopped for is answered: a stop, or None."""

    def reset(self) -> None: ...

    def type(self, text: bytes) -> None: ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class End:
    """Why a comparison ended, in the shape of a machine's stop."""

    reason: str
    detail: str = ""
    exit_status: int = 0


@dataclass(frozen=True, slots=True)
class DifferenceError(Exception):
    """The sides differ behind `step` equal steps; `pages` are those of RAM, if it was found there
    (then some earlier step may have done it).
    """

    step: int
    retired: int
    lines: tuple[str, ...]
    pages: tuple[int, ...] = ()


@dataclass(slots=True)
class Output:
    """What the two consoles said."""

    total: list[int] = field(default_factory=lambda: [0, 0])
    tails: list[bytes] = field(default_factory=lambda: [b"", b""])

    def hear(self, number: int, data: bytes) -> None:
        self.total[number] += len(data)
        self.tails[number] = (self.tails[number] + data)[-2 * SEARCHED :]

    @property
    def is_same(self) -> bool:
        return self.total[0] == self.total[1] and self.tails[0] == self.tails[1]


class Pair:
    """A leader and a follower at the same place of the same run."""

    def __init__(self, leader: Side, follower: Side, names: tuple[str, str]) -> None:
        self.leader, self.follower, self.names = leader, follower, names
        self.output = Output()
        self.steps = 0
        self.started = leader.cpu.retired
        follower.cpu.is_silent = True
        for number, side in enumerate((leader, follower)):
            side.on_console = lambda data, n=number: self.output.hear(n, data)

    def close(self) -> None:
        """Nothing of the two runs any more."""
        self.leader.close()
        self.follower.close()

    @property
    def retired(self) -> int:
        """Instructions so far."""
        return self.leader.cpu.retired - self.started

    def reset(self) -> None:
        """Both start again, as after a reboot."""
        self.leader.reset()
        self.follower.reset()

    def type(self, data: bytes) -> None:
        """Input for both."""
        self.leader.type(data)
        self.follower.type(data)

    def step(self, watched: tuple[int, ...] = ()) -> Any:
        """One step of both and their comparison: a stop of the machine, or None."""
        found: list[tuple[Exit, Registers]] = []

        def lead(vcpu: Vcpu) -> Exit:
            exit_ = vcpu.run_for(STEP)
            found.append((exit_, registers_of(vcpu)))
            return exit_

        def follow(vcpu: Vcpu) -> Exit:
            exit_ = vcpu.run_for(self.leader.cpu.retired - vcpu.retired)
            if found:
                self._compare(found[0][1], registers_of(vcpu), found[0][0], exit_)
            return exit_

        translator = self.leader.cpu.translator
        if translator is not None:
            translator.tick()
        stop = self.leader.advance(lead)
        other = self.follower.advance(follow)
        exit_ = found[0][0] if found else Exit(ExitReason.NONE)
        if exit_.reason is not ExitReason.BUDGET:  # the answer may have changed registers
            registers = registers_of(self.leader.cpu), registers_of(self.follower.cpu)
            self._compare(*registers, exit_, exit_)
        if not self.output.is_same:
            self._refuse(["the consoles' outputs differ"])
        if (stop is None) != (other is None):
            self._refuse([f"one machine stopped: {stop}, {other}"])
        if watched and pages_differ(self.leader.memory, self.follower.memory, watched):
            self._refuse(["memory"], watched)
        self.steps += 1
        return stop

    def compare_memory(self) -> None:
        """All of RAM."""
        pages = different_pages(self.leader.memory, self.follower.memory)
        if pages:
            self._refuse(["memory"], tuple(pages))

    def _compare(self, leads: Registers, follows: Registers, first: Exit, second: Exit) -> None:
        if leads != follows or first.reason is not second.reason:
            lines = different_registers(leads, follows, self.names)
            if first.reason is not second.reason:
                lines.append(f"left for {first.reason.name}, {second.reason.name}")
            self._refuse(lines)

    def _refuse(self, lines: list[str], pages: tuple[int, ...] = ()) -> None:
        raise DifferenceError(self.steps, self.retired, tuple(lines), pages)


class Lockstep:
    """A machine to its user that is two inside.

    Args:
        make_pair: makes the two machines afresh; the argument says whether anybody sees their
            console (the repetition is silent).
        names: the strategies of leader and follower.
        repeat_by: the command line that repeats the run.
    """

    def __init__(
        self,
        make_pair: Callable[[bool], tuple[Side, Side]],
        names: tuple[str, str],
        repeat_by: str,
    ) -> None:
        self._make_pair, self._names, self._repeat_by = make_pair, names, repeat_by
        self._pair = Pair(*make_pair(True), names)
        self._lock = threading.Lock()
        self._typed: list[bytes] = []
        self._inputs: list[tuple[int, bytes]] = []  # (before which step, what)
        self._is_quit = False

    # --- what a machine's user does
    def type(self, data: bytes) -> None:
        """Console input, for both. Any thread may call."""
        with self._lock:
            self._typed.append(data)

    def quit(self) -> None:
        """`run` returns soon. Any thread may call."""
        self._is_quit = True

    def close(self) -> None:
        """Nothing runs any more."""
        self._pair.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def statistics(self) -> dict[str, Any]:
        """Counters of the comparison and of the leader."""
        pair = self._pair
        return {
            "lockstep_steps": pair.steps,
            "lockstep_instructions": pair.retired,
            **pair.leader.cpu.statistics(),
        }

    def run(self, until: str | None = None, timeout: float | None = None) -> Any:
        """Both run and are compared, until the machine stops, differs, or one of the usual ends.

        A `timeout` is of the host's clock; RAM is compared once more at the end.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        pattern = None if until is None else re.compile(until.encode(), re.MULTILINE)
        try:
            return self._run(pattern, deadline)
        except DifferenceError as difference:
            return End("difference", self._locate(difference), 1)

    def _run(self, pattern: re.Pattern[bytes] | None, deadline: float | None) -> Any:
        pair, seen = self._pair, 0
        while True:
            self._feed(pair)
            stop = pair.step()
            if pair.steps % RAM_EVERY == 0:
                pair.compare_memory()
            if stop is None and pattern is not None and pair.output.total[0] != seen:
                seen = pair.output.total[0]
                match = pattern.search(pair.output.tails[0])
                stop = None if match is None else End("until", match[0].decode("utf-8", "replace"))
            if stop is None and self._is_quit:
                stop = End("quit")
            if stop is None and deadline is not None and time.monotonic() > deadline:
                stop = End("timeout", exit_status=124)
            if stop is None:
                continue
            if stop.reason != "reboot" or pair.leader.no_reboot:
                pair.compare_memory()
                return stop
            pair.reset()

    def _feed(self, pair: Pair) -> None:
        with self._lock:
            typed, self._typed = self._typed, []
        for data in typed:
            self._inputs.append((pair.steps, data))
            pair.type(data)

    # --- finding the place
    def _locate(self, difference: DifferenceError) -> str:
        """The report."""
        if difference.pages:
            difference = self._first_step(difference)
        pair = self._repeat(difference.step)
        try:
            report = _smallest(pair, difference.pages)
        finally:
            pair.close()
        names = " and ".join(self._names)
        first = f"{names} differ within step {difference.step}"
        found = report or ["in small pieces the difference did not appear again", *difference.lines]
        return "\n  ".join([first, *found, f"again  {self._repeat_by}"])

    def _first_step(self, difference: DifferenceError) -> DifferenceError:
        """The step that made pages of RAM differ: the run again, with an eye on them."""
        start = (difference.step - 1) // RAM_EVERY * RAM_EVERY
        pair = self._repeat(start)
        try:
            while pair.steps < difference.step:
                self._advance(pair, difference.pages)
        except DifferenceError as found:
            return found
        finally:
            pair.close()
        return difference

    def _repeat(self, steps: int) -> Pair:
        """A new pair that has done the first steps of the run."""
        pair = Pair(*self._make_pair(False), self._names)
        while pair.steps < steps:
            self._advance(pair)
        for step, data in self._inputs:
            if step == steps:
                pair.type(data)
        return pair

    def _advance(self, pair: Pair, watched: tuple[int, ...] = ()) -> None:
        for step, data in self._inputs:
            if step == pair.steps:
                pair.type(data)
        stop = pair.step(watched)
        if stop is not None and stop.reason == "reboot":
            pair.reset()


def _must_look(vcpu: Vcpu) -> bool:
    """A pending interrupt has just been let in: the next piece takes it."""
    state = vcpu.state
    pending = int(state["external"]) | int(state["dec_pending"]) | int(state["doorbell"])
    return bool(state["system_reset"]) or bool(pending and vcpu.msr & MSR.EE)


def _smallest(pair: Pair, pages: tuple[int, ...]) -> list[str]:
    """The step again in the smallest pieces: what is to be said of the first that differs."""
    leader, follower = pair.leader.cpu, pair.follower.cpu
    if leader.translator is not None:
        leader.translator.tick()
    end = leader.retired + STEP
    tracer = Tracer(follower, pair.follower.memory)
    is_first = True
    while leader.retired < end:
        begun = follower.retired
        quiet = not is_first and not _must_look(leader)
        leader.state["quiet"] = follower.state["quiet"] = int(quiet)
        is_first = False
        head = leader.nia
        exit_ = leader.run_for(1)
        while follower.retired < leader.retired:
            tracer.step()
            follower.state["quiet"] = 1
        follower.state["quiet"] = 0
        lines = different_registers(registers_of(leader), registers_of(follower), pair.names)
        if pages and pages_differ(pair.leader.memory, pair.follower.memory, pages):
            lines += pages_differ(pair.leader.memory, pair.follower.memory, pages)
        if lines:
            count = follower.retired - begun
            return [
                f"piece  {head:016x}, {count} instructions, after {begun - pair.started}",
                f"mode   MSR {follower.msr:016x}, PID {follower.spr['PIDR']:#x}",
                *lines,
                *tracer.lines(count),
            ]
        if exit_.reason is not ExitReason.BUDGET:
            break
    return []
