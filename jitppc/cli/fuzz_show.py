"""What a campaign shows: a status line or table while it runs, findings, and a summary."""

import sys
import time
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

from jitppc.fuzz.campaign import Limits, Standing
from jitppc.fuzz.export import ops_of
from jitppc.fuzz.plan import Plan
from jitppc.fuzz.replay import Replay
from jitppc.fuzz.report import report

#: without a terminal there is a line of progress so often
LINE_SECONDS = 10.0
REDRAW_SECONDS = 0.25


class Show:
    """The campaign's listener; a context manager that leaves the terminal as it was.

    Findings and the summary go to standard output, progress to standard error.
    """

    def __init__(self, plan: Plan, limits: Limits, folder: Path, *, verbose: bool = False) -> None:
        self._plan, self._limits, self._folder = plan, limits, folder
        self._verbose = verbose
        self._live: Any = None
        self._shown = 0.0
        self._is_terminal = sys.stderr is not None and sys.stderr.isatty()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._stop()

    def _stop(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    # --- the listener's part
    def progress(self, standing: Standing) -> None:
        """Show how far it is, not too often."""
        now = time.monotonic()
        pause = REDRAW_SECONDS if self._is_terminal else LINE_SECONDS
        if now - self._shown < pause or not (standing.names or standing.cases):
            return
        self._shown = now
        line = self.line(standing)
        if self._is_terminal and self._draw(line):
            return
        if sys.stderr is not None:
            print(f"jitppc: {line}", file=sys.stderr, flush=True)

    def found(self, number: int, found: Replay, kind: str) -> None:
        """Print a finding."""
        self._stop()
        path = self._folder / f"finding-{number}.json"
        if kind == "differs":
            print(report(found, verbose=self._verbose))
        else:
            print(f"{found.tier} has {kind} in this case, on {found.model}")
        print(f"  again: jitppc fuzz replay {path}\n", flush=True)

    def end(self, standing: Standing, why: str = "") -> None:
        """Print the summary."""
        self._stop()
        print(self.line(standing))
        missing = sorted(set(standing.names) - standing.covered())
        if missing and self._verbose:
            print(f"not judged: {', '.join(missing)}")
        if why:
            print(why)
        sys.stdout.flush()

    # --- texts
    def line(self, standing: Standing) -> str:
        """Everything in one line."""
        covered = standing.covered()
        rows, ops = str(len(covered)), str(operations(frozenset(covered)))
        if standing.names:
            rows += f" of {standing.rows}"
            ops += f" of {operations(frozenset(standing.names))}"
        pieces = [
            f"{standing.cases:,} cases",
            f"{standing.rate:,.0f}/s",
            f"{rows} instructions",
            f"{ops} IR operations",
            f"{standing.differing:,} differ ({standing.findings} findings)",
        ]
        return f"{self._plan.reference}: " + ", ".join(pieces)

    def _draw(self, line: str) -> bool:
        if self._live is None:
            try:
                from rich.console import Console
                from rich.status import Status
            except ImportError:
                self._is_terminal = False
                return False
            self._live = Status(line, console=Console(stderr=True))
            self._live.start()
        self._live.update(line)
        return True


@lru_cache(64)
def operations(keys: frozenset[str]) -> int:
    """How many IR operations these rows use."""
    return len(set().union(*map(_ops, keys))) if keys else 0


_ops = lru_cache(None)(ops_of)
