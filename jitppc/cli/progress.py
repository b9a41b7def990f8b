"""Long work tells how far it is: a bar on a terminal, plain lines elsewhere."""

import sys
from typing import Any, Self


class Progress:
    """Called as `progress(what, fraction)`; `close` leaves the terminal as it was.

    On a terminal with rich installed there is a bar; otherwise one line of standard error for each
    new `what`.
    """

    def __init__(self) -> None:
        self._last = ""
        self._bar: Any = None
        self._task: Any = None
        self._use_bar = sys.stderr is not None and sys.stderr.isatty()

    def __call__(self, what: str, fraction: float | None) -> None:
        if self._use_bar and self._show_bar(what, fraction):
            return
        if what != self._last:
            self._last = what
            if sys.stderr is not None:
                print(f"jitppc: {what}", file=sys.stderr, flush=True)

    def close(self) -> None:
        """The bar is gone; the next call starts a new one."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def _show_bar(self, what: str, fraction: float | None) -> bool:
        if self._bar is None:
            try:
                from rich.console import Console
                from rich.progress import (
                    BarColumn,
                    TaskProgressColumn,
                    TextColumn,
                    TimeElapsedColumn,
                )
                from rich.progress import Progress as RichProgress
            except ImportError:
                self._use_bar = False
                return False
            self._bar = RichProgress(
                TextColumn("{task.description}"),
                BarColumn(),
                TaskProgressColumn(),
                TimeElapsedColumn(),
                console=Console(stderr=True),
                transient=True,
                # The console writes to descriptors; nothing is to be caught on the way.
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._task = self._bar.add_task(what, total=None)
            self._bar.start()
        if what != self._last:
            self._last = what
            self._bar.reset(self._task, description=what, total=None)
        if fraction is not None:
            self._bar.update(self._task, total=1.0, completed=fraction)
        return True
