"""The guest's console on this terminal, or on pipes.

On a terminal the keys go to the guest one by one (raw mode); Ctrl-A begins a command to jitppc.
Pipes are passed through unchanged; the end of the input does not stop the guest.

Signals reach a thread of their own through a wake-up pipe, so that SIGTERM restores the terminal
even while the guest runs in native code.
"""

import atexit
import contextlib
import os
import select
import signal
import sys
import termios
import threading
from collections.abc import Callable, Iterator
from typing import Any, Self

BANNER_KEYS = "Ctrl-A X quits, Ctrl-A H helps"

HELP = """
Ctrl-A X       quit jitppc
Ctrl-A H       this help
Ctrl-A Ctrl-A  send Ctrl-A to the guest
"""

_ESCAPE = 0x01
# How long the guest may take to stop before the process ends without it.
_PATIENCE_SECONDS = 5.0


class Keys:
    """Splits what is typed into input for the guest and commands to jitppc."""

    def __init__(self) -> None:
        self._escaped = False

    def feed(self, typed: bytes) -> Iterator[bytes | str]:
        """Pieces of input as bytes, commands as `quit`, `help` or `monitor`."""
        start = 0
        for index, byte in enumerate(typed):
            if self._escaped:
                self._escaped = False
                start = index + 1
                match byte:
                    case 0x01 | 0x61:  # Ctrl-A, a
                        yield b"\x01"
                    case 0x78 | 0x58 | 0x18:  # x, X, Ctrl-X
                        yield "quit"
                    case 0x68 | 0x48 | 0x08 | 0x3F:  # h, H, Ctrl-H, ?
                        yield "help"
                    case 0x63 | 0x43:  # c, C
                        yield "monitor"
                    case _:
                        pass
            elif byte == _ESCAPE:
                if start < index:
                    yield typed[start:index]
                start = index + 1
                self._escaped = True
        if start < len(typed):
            yield typed[start:]


class Terminal:
    """Raw mode of one terminal, left again on every way out."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._saved: list[Any] | None = None

    def enter(self) -> None:
        """Keys arrive one by one, unechoed, and make no signals."""
        if self._saved is None:
            self._saved = termios.tcgetattr(self.fd)
            atexit.register(self.restore)
        iflag, oflag, cflag, lflag, ispeed, ospeed, cc = self._saved
        iflag &= ~(
            termios.IGNBRK | termios.BRKINT | termios.PARMRK | termios.ISTRIP | termios.INLCR
        )
        iflag &= ~(termios.IGNCR | termios.ICRNL | termios.IXON)
        # Output processing stays on, so that messages of jitppc need no carriage returns.
        oflag |= termios.OPOST
        lflag &= ~(termios.ECHO | termios.ECHONL | termios.ICANON | termios.IEXTEN | termios.ISIG)
        cflag = (cflag & ~(termios.CSIZE | termios.PARENB)) | termios.CS8
        cc = list(cc)
        cc[termios.VMIN], cc[termios.VTIME] = 1, 0
        raw = [iflag, oflag, cflag, lflag, ispeed, ospeed, cc]
        termios.tcsetattr(self.fd, termios.TCSANOW, raw)

    def restore(self) -> None:
        """The terminal is as it was found. May be called more than once."""
        saved, self._saved = self._saved, None
        if saved is not None:
            atexit.unregister(self.restore)
            with contextlib.suppress(OSError, termios.error):
                termios.tcsetattr(self.fd, termios.TCSANOW, saved)


class Console:
    """Connects standard input and output with a machine; a context manager.

    It is the machine's `Chardev`: `write` takes the guest's output.

    Args:
        on_input: called with typed bytes, on the console's thread.
        on_quit: called once when the user, a signal or a closed output asks for the end.
        before_output: called once, before the first output of the guest.
    """

    def __init__(
        self,
        on_input: Callable[[bytes], None],
        on_quit: Callable[[], None],
        before_output: Callable[[], None] = lambda: None,
        stdin: int | None = 0,
        stdout: int | None = 1,
    ) -> None:
        self._on_input = on_input
        self._on_quit = on_quit
        self._before_output: Callable[[], None] | None = before_output
        self._stdin = stdin
        self._stdout = stdout
        self._keys = Keys() if stdin is not None and os.isatty(stdin) else None
        self._terminal = Terminal(stdin) if stdin is not None and self._keys else None
        self._thread: threading.Thread | None = None
        self._wake_read, self._wake_write = -1, -1
        self._previous: dict[int, Any] = {}
        self._previous_wakeup = -1
        self._give_up: threading.Timer | None = None
        self.signal: int | None = None
        self.output_closed = False

    @property
    def is_terminal(self) -> bool:
        """Keys are read from a terminal, so Ctrl-A commands work."""
        return self._terminal is not None

    def write(self, output: bytes) -> None:
        """Pass the guest's output on; once nobody reads it any more, ask for the end."""
        if self._before_output is not None:
            before, self._before_output = self._before_output, None
            before()
        if self._stdout is None or self.output_closed:
            return
        view = memoryview(output)
        while view:
            try:
                view = view[os.write(self._stdout, view) :]
            except BlockingIOError:
                select.select([], [self._stdout], [])
            except OSError:
                self.output_closed = True
                self._on_quit()
                return

    def __enter__(self) -> Self:
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_write, False)
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGCONT):
                self._previous[number] = signal.signal(number, _only_wake_up)
            self._previous_wakeup = signal.set_wakeup_fd(
                self._wake_write, warn_on_full_buffer=False
            )
        if self._terminal is not None:
            self._terminal.enter()
        self._thread = threading.Thread(target=self._read, name="console", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self._previous:
            signal.set_wakeup_fd(self._previous_wakeup)
            for number, handler in self._previous.items():
                signal.signal(number, handler)
        os.write(self._wake_write, b"\0")
        if self._thread is not None:
            self._thread.join(timeout=2)
        if self._give_up is not None:
            self._give_up.cancel()
        os.close(self._wake_write)
        os.close(self._wake_read)
        if self._terminal is not None:
            self._terminal.restore()

    def _read(self) -> None:
        """Wait for keys and signals until told to end (a zero byte in the pipe)."""
        poll = select.poll()
        poll.register(self._wake_read, select.POLLIN)
        if self._stdin is not None:
            poll.register(self._stdin, select.POLLIN)
        while True:
            for fd, _event in poll.poll():
                if fd == self._wake_read:
                    for number in os.read(fd, 64):
                        if number == 0:
                            return
                        self._take_signal(number)
                    continue
                try:
                    typed = os.read(fd, 4096)
                except BlockingIOError:
                    continue
                except OSError:
                    typed = b""
                if typed:
                    self._take_input(typed)
                else:
                    poll.unregister(fd)

    def _take_input(self, typed: bytes) -> None:
        if self._keys is None:
            self._on_input(typed)
            return
        for item in self._keys.feed(typed):
            if isinstance(item, bytes):
                self._on_input(item)
            elif item == "quit":
                self._on_quit()
            elif item == "help":
                self.write(HELP.encode())
            else:
                self.write(b"\n(jitppc has no monitor yet)\n")

    def _take_signal(self, number: int) -> None:
        if number == signal.SIGCONT:
            # The shell has set the terminal its own way meanwhile.
            if self._terminal is not None:
                self._terminal.enter()
            return
        self.signal = number
        if self._terminal is not None:
            self._terminal.restore()
        self._give_up = threading.Timer(_PATIENCE_SECONDS, os._exit, [128 + number])
        self._give_up.daemon = True
        self._give_up.start()
        self._on_quit()


def _only_wake_up(_number: int, _frame: object) -> None:
    """The interpreter has written the signal's number to the wake-up pipe; that is all we need."""


def standard_fds() -> tuple[int | None, int | None]:
    """Descriptors of standard input and output, None where the process was started without."""
    return (
        0 if sys.stdin is not None and not sys.stdin.closed else None,
        1 if sys.stdout is not None and not sys.stdout.closed else None,
    )
