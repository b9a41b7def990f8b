"""Progress on a terminal and in a file."""

import os
import pty
import subprocess
import sys

CODE = """
import sys, time
if len(sys.argv) > 1:
    sys.modules["rich"] = None
    sys.modules["rich.console"] = None
from jitppc.cli.progress import Progress
with Progress() as progress:
    for step in range(5):
        progress("compiling the interpreter", step / 4)
        time.sleep(0.1)
    progress("unpacking", None)
print("done")
"""


def on_a_terminal(*words):
    master, slave = pty.openpty()
    process = subprocess.Popen([sys.executable, "-c", CODE, *words], stdout=slave, stderr=slave)
    os.close(slave)
    seen = b""
    while True:
        try:
            data = os.read(master, 4096)
        except OSError:
            break
        seen += data
    os.close(master)
    assert 0 == process.wait()
    return seen


def test_a_terminal_shows_a_bar_that_goes_away(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    seen = on_a_terminal()
    assert b"compiling the interpreter" in seen
    assert b"100%" in seen
    assert seen.rindex(b"\x1b[?25h") > seen.rindex(b"\x1b[?25l"), "the cursor is shown again"
    assert seen.endswith(b"done\r\n")


def test_without_rich_a_terminal_gets_lines():
    lines = on_a_terminal("no rich").replace(b"\r", b"").splitlines()
    assert [b"jitppc: compiling the interpreter", b"jitppc: unpacking", b"done"] == lines


def test_a_file_gets_one_line_for_each_piece_of_work():
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, check=True, text=True)
    assert "jitppc: compiling the interpreter\njitppc: unpacking\n" == done.stderr
