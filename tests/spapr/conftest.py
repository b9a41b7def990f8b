import pytest
from spapr_fakes import RAM, FakeRuntime, elf

from jitppc.spapr.machine import Machine


@pytest.fixture
def kernel(tmp_path):
    path = tmp_path / "vmlinux"
    path.write_bytes(elf())
    return path


@pytest.fixture
def machine_with(kernel):
    """A function: a machine whose guest is the given generator function."""

    def make(program=None, **options):
        options.setdefault("memory", RAM)
        return Machine(options.pop("kernel", kernel), runtime=FakeRuntime(program), **options)

    return make


@pytest.fixture
def call(machine_with):
    """A function that runs one guest program to its end and returns what it returned."""

    def run(program, **options):
        answer = []

        def guest(vcpu):
            answer.append((yield from program(vcpu)))
            machine.quit()

        machine = machine_with(guest, **options)
        run.machine = machine
        stop = machine.run(timeout=20)
        assert stop.reason == "quit"
        return answer[0]

    return run
