"""A machine without a guest: it does what the kernel command line says, one word after another.

Run as a script it is the `jitppc` command with this machine in it, for tests that need a process.

    say:TEXT      console output (`_` is a space)
    ready         console output `ready` and a new line
    echo          answers what is typed with the same in brackets, until Ctrl-D
    poweroff, reboot, panic:REASON
    deaf          runs in the machine for good and hears no request to quit
"""

import queue
import re
import sys
import time
from dataclasses import dataclass
from typing import Any, ClassVar, Self


@dataclass
class Stop:
    reason: str
    exit_status: int = 0
    detail: str = ""


class FakeMachine:
    """Keeps what it was made from in `config`, and all instances in `made`."""

    made: ClassVar[list["FakeMachine"]] = []

    def __init__(
        self, config: Any, hardware: Any, console: Any, progress: Any, perf: Any = None
    ) -> None:
        self.config, self.hardware, self.perf = config, hardware, perf
        self.console = console
        self.typed: queue.Queue[bytes | None] = queue.Queue()
        self.output = ""
        self.is_quitting = False
        FakeMachine.made.append(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        """Nothing runs that would have to end."""

    def type(self, data: bytes) -> None:
        self.typed.put(data)

    def quit(self) -> None:
        self.is_quitting = True
        self.typed.put(None)

    def statistics(self) -> dict[str, Any]:
        return {"guest_instructions": 5}

    def run(self, until: str | None = None, timeout: float | None = None) -> Stop:
        self.until = re.compile(until) if until else None
        self.end = time.monotonic() + timeout if timeout else None
        for word in self.config.append.split():
            stop = self._do(*word.partition(":")[::2])
            if stop is not None:
                return stop
        return self._wait()

    def _do(self, word: str, rest: str) -> Stop | None:
        match word:
            case "say":
                return self._print(rest.replace("_", " "))
            case "ready":
                return self._print("ready\n")
            case "echo":
                return self._echo()
            case "poweroff":
                return Stop("poweroff")
            case "reboot":
                return Stop("reboot")
            case "panic":
                return Stop("panic", 1, rest.replace("_", " "))
            case "deaf":
                while True:
                    time.sleep(60)
        raise AssertionError(word)

    def _print(self, text: str) -> Stop | None:
        self.output += text
        self.console.write(text.encode())
        if self.until and self.until.search(self.output):
            return Stop("until", 0, text)
        return Stop("quit") if self.is_quitting else None

    def _echo(self) -> Stop | None:
        while True:
            data = self._next()
            if not isinstance(data, bytes):
                return data
            if b"\x04" in data:
                return None
            stop = self._print(f"[{data!r}]")
            if stop:
                return stop

    def _wait(self) -> Stop:
        while True:
            data = self._next()
            if isinstance(data, Stop):
                return data

    def _next(self) -> bytes | Stop:
        try:
            left = None if self.end is None else max(0.0, self.end - time.monotonic())
            data = self.typed.get(timeout=left)
        except queue.Empty:
            return Stop("timeout", 124)
        return Stop("quit") if data is None else data


def main() -> int:
    import jitppc.cli.run
    from jitppc.cli import main

    jitppc.cli.run.make_machine = FakeMachine
    return main()


if __name__ == "__main__":
    sys.exit(main())
