"""What tests of the command line share."""

import subprocess
import sys
from pathlib import Path

import fake_machine
import pytest

from jitppc.cli import main

FAKE = Path(fake_machine.__file__)


@pytest.fixture
def jitppc(capsys, monkeypatch):
    """Run the command in this process with a fake machine: (status, output, errors)."""
    fake_machine.FakeMachine.made.clear()
    monkeypatch.setattr("jitppc.cli.run.make_machine", fake_machine.FakeMachine)

    def run(*words):
        status = main(words)
        output, errors = capsys.readouterr()
        return status, output, errors

    return run


@pytest.fixture
def jitppc_process():
    """Run the command in a process of its own, with a fake machine."""

    def run(*words, **keywords):
        keywords = {"capture_output": True, "timeout": 30, "stdin": subprocess.DEVNULL} | keywords
        return subprocess.run([sys.executable, FAKE, *words], check=False, text=True, **keywords)

    return run
