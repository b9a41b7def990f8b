"""One guest of ours in a process of its own: `python -m jitppc.bench.guest ORDER`, ORDER as JSON.

The guest's console comes out of standard output. A line `@facts JSON` follows when it has ended:
statistics, tier shares over time, and where the time went, for each workload. A boot is watched
from outside, as QEMU's is, and nothing is done beside it.
"""

from __future__ import annotations

import contextlib
import json
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jitppc.bench.lines import Begin, End, read_line
from jitppc.bench.sampling import Places, Sampler
from jitppc.errors import UserError
from jitppc.strategies import RegionOptions, Strategy

SAMPLE_SECONDS = 0.2
BEAT_SECONDS, PREPARING_SECONDS = 10, 900
TICKS_PER_SECOND = 100


def main(words: list[str]) -> int:
    order = json.loads(words[0])
    try:
        if order["is_boot"]:
            with _machine(order, console=Screen()) as machine:
                machine.run()
            return 0
        facts = Guest(order).run()
    except UserError as error:
        print(f"jitppc: {error}", file=sys.stderr)
        return 2
    print(f"\n@facts {json.dumps(facts, default=float)}", flush=True)
    return 0


def strategy_of(fields: dict[str, Any]) -> Strategy:
    """The strategy that `dataclasses.asdict` took apart."""
    regions = fields["regions"]
    return Strategy(**fields | {"regions": regions and RegionOptions(**regions)})


def _machine(order: dict[str, Any], console: Any = None) -> Any:
    """The machine that is asked for; SIGTERM ends it."""
    from jitppc.spapr.machine import Machine

    machine = Machine(
        kernel=order["kernel"],
        initrd=order["initrd"],
        append=order["append"],
        memory=order["memory"],
        strategy=strategy_of(order["strategy"]),
        console=console,
        no_reboot=True,
        progress=_note,
    )
    signal.signal(signal.SIGTERM, lambda *_: machine.quit())
    return machine


class Screen:
    """A console that is our standard output."""

    def write(self, data: bytes) -> None:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()


class Guest:
    """A machine that is watched while it runs."""

    def __init__(self, order: dict[str, Any]) -> None:
        self._started = time.monotonic()
        with _heartbeat():
            self._machine = _machine(order)
        self._screen = Screen()
        self._machine.on_console = self._on_console
        self._ready = time.monotonic()
        self._sampler = Sampler()
        self._is_sampled = False
        self._line = b""
        self._marks: list[tuple[str, dict[str, float], int]] = []
        self._timeline: list[tuple[dict[str, float], int]] = []
        self._stop = threading.Event()

    def run(self) -> dict[str, Any]:
        """What was measured of the guest until it has powered off."""
        watcher = threading.Thread(target=self._watch, daemon=True)
        watcher.start()
        with self._machine:
            stop = self._machine.run()
            ended = time.monotonic()
            self._sampler.stop()
            self._stop.set()
            watcher.join()
            statistics = self._machine.statistics()
        state = self._machine.memory.state[0]
        arena = self._machine.cpu.engine.arena
        places = Places(arena, (int(state["units"]), int(state["units_end"])))
        return {
            "stop": stop.reason,
            "setup_seconds": round(self._ready - self._started, 3),
            "run_seconds": round(ended - self._ready, 3),
            "statistics": statistics,
            "timeline": self._tiers(places),
            "workload_costs": self._costs(places),
            "profile": places.profile(self._sampler.addresses[: self._sampler.count]),
        }

    def _on_console(self, data: bytes) -> None:
        """Output goes on to our own; on the vCPU's thread."""
        self._screen.write(data)
        if not self._is_sampled:
            self._is_sampled = True
            self._sampler.start()
        *lines, self._line = (self._line + data).split(b"\n")
        for line in lines:
            event = read_line(line)
            if isinstance(event, Begin | End):
                self._marks.append((event.name, self._now(), self._sampler.count))

    def _watch(self) -> None:
        while not self._stop.wait(SAMPLE_SECONDS):
            self._timeline.append((self._now(), self._sampler.count))

    def _tiers(self, places: Places) -> list[dict[str, Any]]:
        """What was counted from time to time, and CPU seconds in each tier since then."""
        found, before = [], 0
        for point, count in self._timeline:
            samples = self._sampler.addresses[before:count]
            found.append({**point, "tiers": places.tiers(samples)})
            before = count
        return found

    def _now(self) -> dict[str, float]:
        statistics = self._machine.cpu.statistics()
        return {
            "seconds": round(time.monotonic() - self._ready, 3),
            "instructions": statistics["instructions"],
            "in_regions": statistics["region_instructions"],
            "regions": statistics.get("regions", 0) + statistics.get("regions_kept", 0),
            "compile_seconds": round(children_cpu_seconds(), 2),
        }

    def _costs(self, places: Places) -> dict[str, Any]:
        """Of each workload, from its begin to its end: what it took, and where its time went."""
        found = {}
        for (name, first, from_sample), (_, last, to_sample) in zip(
            self._marks[::2], self._marks[1::2], strict=False
        ):
            cost: dict[str, Any] = {key: round(last[key] - first[key], 3) for key in last}
            samples = self._sampler.addresses[from_sample:to_sample]
            found[name] = cost | {"profile": places.profile(samples)}
        return found


def _note(what: str, done: int, total: int) -> None:
    """Tell how far the interpreter is compiled, when it is not kept from an earlier run."""
    print(f"@note {what}, {100 * done // total if total else 0} %", flush=True)


@contextlib.contextmanager
def _heartbeat() -> Iterator[None]:
    """Whoever watches us for silence knows that we are still preparing."""
    is_over = threading.Event()

    def beat() -> None:
        for _ in range(PREPARING_SECONDS // BEAT_SECONDS):
            if is_over.wait(BEAT_SECONDS):
                return
            print("@note preparing", flush=True)

    threading.Thread(target=beat, daemon=True).start()
    try:
        yield
    finally:
        is_over.set()


def children_cpu_seconds() -> float:
    """CPU time of our living children: the compile workers."""
    total = 0
    for task in Path("/proc/self/task").iterdir():
        try:
            children = (task / "children").read_text(encoding="ascii").split()
        except OSError:
            continue
        for child in children:
            try:
                text = Path(f"/proc/{child}/stat").read_text(encoding="utf-8")
            except OSError:
                continue
            fields = text.rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])
    return total / TICKS_PER_SECOND


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
