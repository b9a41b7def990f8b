"""Whatever a guest passes, nothing raises and nothing outside RAM is touched."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spapr_fakes import FakeRuntime, elf

from jitppc.spapr.hcall.table import HCALLS
from jitppc.spapr.machine import Machine
from jitppc.spapr.memory_map import MIB
from jitppc.spapr.of_services import SERVICES
from jitppc.spapr.rtas.table import RTAS_CALLS

RAM = 128 * MIB
M32, M64 = (1 << 32) - 1, (1 << 64) - 1
BLOCK = 0x20000
NAMES = 0x21000

EDGES = [0, 1, 2, 4, 16, 0x1000, 0x1100, BLOCK, RAM - 1, RAM - 4, RAM - 4096, RAM, RAM + 4096]
EDGES_32 = [*EDGES, 0x71000000, 0x10000001, 0x1111, 0x20000001, M32, M32 - 3, 1 << 31]
EDGES_64 = [*EDGES_32, 1 << 32, 1 << 45, 3 << 45, 5 << 45, 1 << 60, M64, M64 - 1, 1 << 63]
u32 = st.one_of(st.sampled_from(EDGES_32), st.integers(0, M32), st.integers(0, 300))
u64 = st.one_of(st.sampled_from(EDGES_64), st.integers(0, M64), st.integers(0, 300))

# These wait for other vCPUs, of which there are none here.
WAITING = {0xE0, 0xE4, 0x298}


class NoTimer:
    """No host thread is started for a guest's watchdog."""

    def start(self):
        pass

    def cancel(self):
        pass


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    path = tmp_path_factory.mktemp("hostile") / "vmlinux"
    path.write_bytes(elf())
    made = Machine(path, memory=RAM, runtime=FakeRuntime())
    made._watchdogs._make_timer = lambda timeout_s, expire: NoTimer()
    return made


def give(machine, *registers):
    """One hypercall, given to the dispatcher as a vCPU's thread would."""
    vcpu = machine.cpu
    vcpu.msr = 0
    vcpu.gpr[3 : 3 + len(registers)] = registers
    processor = machine._processors[0]
    machine.hcalls.dispatch(processor._cpu)
    assert all(0 <= value <= M64 for value in vcpu.gpr)
    assert machine.memory.violations == 0
    machine._latch._event.clear()
    machine._latch._stop = machine._latch._error = None
    return vcpu.gpr[3]


def fill(machine, words):
    raw = struct.pack(f">{len(words)}I", *words)
    machine.memory.write(BLOCK, raw)


@settings(max_examples=600)
@given(
    st.sampled_from(sorted(HCALLS.keys() - WAITING)) | u64.filter(lambda op: op not in WAITING),
    st.lists(u64, min_size=9, max_size=9),
)
def test_no_hypercall_raises_or_leaves_ram(machine, opcode, args):
    give(machine, opcode, *args)


@settings(max_examples=600)
@given(st.sampled_from(sorted(RTAS_CALLS)) | u32, st.data())
def test_no_rtas_call_raises_or_leaves_ram(machine, token, data):
    row = RTAS_CALLS.get(token)
    counts = st.sampled_from(row.counts) if row is not None else st.just((3, 1))
    nargs, nret = data.draw(counts | st.tuples(u32, u32))
    args = data.draw(st.lists(u32, min_size=min(nargs, 20), max_size=min(nargs, 20)))
    fill(machine, [token, nargs, nret, *args])
    where = data.draw(st.just(BLOCK) | u64)
    give(machine, 0xF000, where)


@settings(max_examples=1000)
@given(st.sampled_from([*SERVICES, "no-such-service", "n" * 70]), st.data())
def test_no_client_interface_call_raises_or_leaves_ram(machine, service, data):
    strings = ["/", "/chosen", "/rtas", "model", "stdout", "instantiate-rtas", "", "\x01", "\u00ff"]
    strings += ["ibm,client-architecture-support", "/vdevice/vty@71000000:x", "//", "a" * 300]
    machine.memory.write(NAMES, service.encode() + b"\0")
    position, gras = NAMES + 0x100, []
    for string in strings:
        machine.memory.write(position, string.encode("latin-1") + b"\0")
        gras.append(position)
        position += 0x200
    tree = machine._client.state.tree
    instances = [tree.open(path) for path in ("/", "/rtas", "/vdevice/vty")]
    handles = list(tree._node_of) + instances
    argument = st.one_of(u32, st.sampled_from(gras), st.sampled_from(handles))
    known = SERVICES.get(service, (3, None))[0]
    nargs = data.draw(st.sampled_from([known if known >= 0 else 4, 3, 0]) | u32)
    nret = data.draw(st.integers(0, 4) | u32)
    n = min(nargs, 12)
    fill(machine, [NAMES, nargs, nret, *data.draw(st.lists(argument, min_size=n, max_size=n))])
    give(machine, 0xF005, data.draw(st.just(BLOCK) | u64))
    for instance in instances:
        tree.close(instance)


@settings(max_examples=300)
@given(st.binary(max_size=200), u32)
def test_no_architecture_vector_raises_or_leaves_ram(machine, vector, length):
    machine.memory.write(RAM - len(vector), vector)
    machine.memory.write(NAMES, b"call-method\0")
    machine.memory.write(NAMES + 0x100, b"ibm,client-architecture-support\0")
    instance = machine._client.state.tree.open("/")
    fill(machine, [NAMES, 3, 2, NAMES + 0x100, instance, RAM - len(vector)])
    give(machine, 0xF005, BLOCK)
    machine._client.state.tree.close(instance)
