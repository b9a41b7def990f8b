"""The sessions of docs/fuzz.md and docs/traces.md, run."""

import doctest
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def sessions(page):
    """(command, expected output) of the page's console sessions, in order."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    for block in re.findall(r"^```console\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        for piece in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, expected = piece.partition("\n")
            yield command, expected


def test_the_pages_sessions_go_as_shown(tmp_path, monkeypatch):
    """In their order, in one folder: later ones use what earlier ones wrote."""
    path = os.pathsep.join((str(ROOT), str(ROOT / "tests" / "fuzz")))
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    for command, expected in sessions("fuzz.md"):
        program, *words = shlex.split(command)
        assert "jitppc" == program
        done = subprocess.run(
            [sys.executable, "-m", "jitppc", *words], cwd=tmp_path, text=True, check=False,
            env={**os.environ, "PYTHONPATH": path}, capture_output=True,
        )  # fmt: skip
        assert done.returncode in {0, 1}, done.stderr
        said = re.sub(r"^jitppc: .*\n", "", done.stderr, flags=re.MULTILINE) + done.stdout
        assert doctest.OutputChecker().check_output(expected, said, flags), f"{command}\n{said}"
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "docs" / "traces.md").read_text(encoding="utf-8")
    session = "".join(re.findall(r"^```pycon\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))
    test = doctest.DocTestParser().get_doctest(session, {}, "traces.md", "traces.md", 0)
    assert test.examples
    assert 0 == doctest.DocTestRunner().run(test).failed


def test_the_pages_name_what_there_is():
    from jitppc.cli.fuzz_options import MODES, REFERENCES, STRATEGIES
    from jitppc.fuzz import generate, modes
    from jitppc.fuzz.references import NAMES
    from jitppc.fuzz.traces import FIELDS

    page = (ROOT / "docs" / "fuzz.md").read_text(encoding="utf-8")
    assert set(STRATEGIES) == set(generate.STRATEGIES)
    assert set(MODES) == set(modes.MODES)
    assert set(REFERENCES) == {*NAMES, "vectors"}
    for name in (*STRATEGIES, *REFERENCES):
        assert f"`{name}`" in page, name
    traces = (ROOT / "docs" / "traces.md").read_text(encoding="utf-8")
    for name in FIELDS:
        assert f"`{name}`" in traces, name
