"""The client interface as Linux's prom_init walks through it, and its corners."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from spapr_fakes import RAM

from jitppc.spapr.fdt_values import cells, cells64, get
from jitppc.spapr.memory_map import RTAS_STUB
from jitppc.spapr.of_claim import ClaimMap

BAD = 0xFFFFFFFF
BUFFER = 0x30000


def cas_vector(
    pvrs=((0xFFFF0000, 0x004E0000), (0, 0xF0000000)), byte24=0x40, byte23=0, last=26, vectors=6
):
    """What Linux hands to client-architecture-support, reduced to what counts."""
    out = b"".join(cells(mask, value) for mask, value in pvrs)
    out += bytes((vectors - 1,))
    ov5 = bytearray(last)
    if last >= 26:
        ov5[4], ov5[22], ov5[23], ov5[25] = 0x80, byte23, byte24, 0x40
    for number in range(1, vectors + 1):
        body = bytes(ov5) if number == 5 else bytes(2)
        out += bytes((len(body) - 1,)) + body
    return out


def prom_init(vcpu):
    """The calls of Linux 6.1 in their order."""
    seen = {}
    (chosen,) = yield from vcpu.prom("finddevice", "/chosen")
    (root,) = yield from vcpu.prom("finddevice", "/")
    (n,) = yield from vcpu.prom("getprop", chosen, "stdout", BUFFER, 4)
    stdout = int.from_bytes(vcpu.memory.read(BUFFER, 4), "big")
    assert n == 4
    (n,) = yield from vcpu.prom("instance-to-path", stdout, BUFFER, 255)
    seen["stdout"] = vcpu.memory.read(BUFFER, n)
    (package,) = yield from vcpu.prom("instance-to-package", stdout)
    (n,) = yield from vcpu.prom("getprop", package, "device_type", BUFFER, 16)
    seen["device_type"] = vcpu.memory.read(BUFFER, n)
    seen["written"] = yield from vcpu.prom("write", stdout, "Preparing to boot Linux\r\n", 25)
    (n,) = yield from vcpu.prom("getprop", chosen, "bootargs", BUFFER, 2047)
    seen["bootargs"] = vcpu.memory.read(BUFFER, n)
    (instance,) = yield from vcpu.prom("open", "/")
    seen["cas"] = yield from vcpu.prom(
        "call-method", "ibm,client-architecture-support", instance, cas_vector(), nret=2
    )
    yield from vcpu.prom("close", instance, nret=0)
    seen["claimed"] = yield from vcpu.prom("claim", 0x2000000, 0x100000, 0)
    (rtas,) = yield from vcpu.prom("finddevice", "/rtas")
    (n,) = yield from vcpu.prom("getprop", rtas, "rtas-size", BUFFER, 4)
    (instance,) = yield from vcpu.prom("open", "/rtas")
    (base,) = yield from vcpu.prom(
        "claim", 0x3000000, int.from_bytes(vcpu.memory.read(BUFFER, 4), "big"), 0
    )
    seen["rtas"] = yield from vcpu.prom("call-method", "instantiate-rtas", instance, base, nret=2)
    yield from vcpu.prom("setprop", rtas, "linux,rtas-entry", cells(base), 4)
    seen["tree"] = yield from walk(vcpu, root)
    yield from vcpu.prom("quiesce", nret=0)
    return seen


def walk(vcpu, node, depth=0):
    """Every node and property through child, peer, nextprop, getprop and package-to-path."""
    (n,) = yield from vcpu.prom("package-to-path", node, BUFFER, 255)
    path = vcpu.memory.read(BUFFER, n).decode()
    found = {path: {}}
    previous = b"\0"
    while True:
        (more,) = yield from vcpu.prom("nextprop", node, previous, BUFFER)
        if more != 1:
            break
        name = vcpu.memory.read(BUFFER, 64).split(b"\0")[0]
        previous = name + b"\0"
        (length,) = yield from vcpu.prom("getproplen", node, previous)
        yield from vcpu.prom("getprop", node, previous, BUFFER + 0x100, length)
        found[path][name.decode()] = vcpu.memory.read(BUFFER + 0x100, length)
    (child,) = yield from vcpu.prom("child", node)
    while child:
        found |= yield from walk(vcpu, child, depth + 1)
        (child,) = yield from vcpu.prom("peer", child)
    return found


def test_prom_init_finds_what_it_needs_and_hands_the_whole_tree_on(call):
    seen = call(prom_init, append="console=hvc0 debug")
    tree = seen["tree"]
    assert seen["stdout"] == b"/vdevice/vty@71000000"
    assert seen["device_type"] == b"serial\0"
    assert seen["written"] == [25]
    assert call.machine.console_output == b"Preparing to boot Linux\r\n"
    assert seen["bootargs"] == b"console=hvc0 debug\0"
    assert seen["cas"] == [0, 0]
    assert seen["rtas"] == [0, 0x3000000]
    assert call.machine.memory.read(0x3000000, 20) == RTAS_STUB
    vec5 = tree["/chosen"]["ibm,architecture-vec-5"]
    assert (vec5[0], len(vec5)) == (25, 27)
    assert (vec5[5], vec5[23], vec5[24], vec5[26]) == (0x80, 0, 0x40, 0x40)
    assert tree["/rtas"]["linux,rtas-base"] == cells(0x3000000)
    assert tree["/memory@0"]["reg"] == cells64(0, RAM)
    assert tree["/memory@0"]["available"].startswith(cells64(0x10000, 0x3F0000))
    assert tree["/interrupt-controller"]["phandle"] == cells(0x1111)
    assert "/cpus/PowerPC,POWER9@0" in tree
    assert len(tree) == 15


@pytest.mark.parametrize(
    ("vector", "status"),
    [
        (cas_vector(), 0),
        (cas_vector(pvrs=((BAD, 0x0F000005), (0, 0xF0000000))), 0),
        (cas_vector(pvrs=((0xFFFF0000, 0x003F0000), (0, 0xF0000000))), -1),
        (cas_vector(byte24=0x00), 0),
        (cas_vector(byte24=0x80), -67),
        (cas_vector(byte23=0x40), 0),
        (cas_vector(byte23=0x80), -67),
        (cas_vector(last=10), 0),
        (cas_vector(vectors=4), -4),
        (cells(BAD, 0x004E1202), -4),
    ],
)
def test_client_architecture_support_agrees_on_an_mmu_and_a_controller(call, vector, status):
    def program(vcpu):
        vcpu.memory.write(0x7FF0000, bytes((0xFF,)) * 0x10000)
        end = 0x8000000 - len(vector)
        vcpu.memory.write(end, vector)
        (instance,) = yield from vcpu.prom("open", "/")
        name = "ibm,client-architecture-support"
        return (yield from vcpu.prom("call-method", name, instance, end, nret=2))

    assert call(program) == [0, status & BAD]


def test_services_refuse_what_does_not_exist(call):
    def program(vcpu):
        ask = vcpu.prom
        (root,) = yield from ask("finddevice", "/")
        nowhere = 0xFFFFFFF0
        return [
            (yield from ask("finddevice", "/nowhere")),
            (yield from ask("finddevice", "vdevice")),
            (yield from ask("finddevice", nowhere)),
            (yield from ask("getprop", 12345, "reg", BUFFER, 4)),
            (yield from ask("getprop", root, "nothing", BUFFER, 4)),
            (yield from ask("getprop", root, "model", nowhere, 4)),
            (yield from ask("getproplen", root, "n" * 80)),
            (yield from ask("setprop", root, "new", nowhere, 16)),
            (yield from ask("setprop", root, "phandle", BUFFER, 4)),
            (yield from ask("setprop", root, "big", BUFFER, 5000)),
            (yield from ask("nextprop", root, "nothing", BUFFER)),
            (yield from ask("parent", 99)),
            (yield from ask("package-to-path", 99, BUFFER, 10)),
            (yield from ask("instance-to-package", 99)),
            (yield from ask("write", 99, BUFFER, 4)),
            (yield from ask("call-method", "instantiate-rtas", 99, 0)),
            (yield from ask("interpret", "1 2 +")),
            (yield from ask("start-cpu")),
            (yield from ask("no-such-service")),
            (yield from ask("test", "no-such-service")),
            (yield from ask("getprop", root)),
        ]

    assert call(program) == [[BAD]] * 21
    assert call.machine.firmware_calls["no-such-service"] == 1


def test_open_of_nothing_is_zero_and_relations_end_with_zero(call):
    def program(vcpu):
        (root,) = yield from vcpu.prom("finddevice", "/")
        (chosen,) = yield from vcpu.prom("finddevice", "/chosen")
        memory = yield from vcpu.prom("finddevice", "/memory")
        return [
            (yield from vcpu.prom("open", "/nowhere")),
            (yield from vcpu.prom("parent", root)),
            (yield from vcpu.prom("child", chosen)),
            (yield from vcpu.prom("peer", root)),
            [memory == (yield from vcpu.prom("finddevice", "/memory@0"))],
            (yield from vcpu.prom("test", "claim")),
            [root] == (yield from vcpu.prom("peer", 0)),
        ]

    assert call(program) == [[0], [0], [0], [0], [True], [0], True]


def test_name_is_a_property_of_every_node_without_its_unit_address(call):
    def program(vcpu):
        (node,) = yield from vcpu.prom("finddevice", "/vdevice/vty")
        (n,) = yield from vcpu.prom("getprop", node, "name", BUFFER, 64)
        return vcpu.memory.read(BUFFER, n)

    assert call(program) == b"vty\0"


def test_getprop_answers_the_whole_length_and_copies_what_fits(call):
    def program(vcpu):
        (node,) = yield from vcpu.prom("finddevice", "/")
        vcpu.memory.write(BUFFER, b"........")
        (n,) = yield from vcpu.prom("getprop", node, "compatible", BUFFER, 4)
        return n, vcpu.memory.read(BUFFER, 8)

    assert call(program) == (len("qemu,pseries") + 1, b"qemu....")


def test_exit_service_is_a_panic_with_a_reason(machine_with):
    def program(vcpu):
        yield from vcpu.prom("exit", nret=0)

    stop = machine_with(program).run(timeout=20)
    assert (stop.reason, stop.exit_status) == ("panic", 1)


def test_call_answers_parameter_for_an_unreadable_block(call):
    def program(vcpu):
        return [
            (yield from vcpu.hcall(0xF005, 1 << 40))[0],
            (yield from vcpu.hcall(0xF005, RAM - 8))[0],
        ]

    assert call(program) == [(1 << 64) - 4] * 2


def test_fixed_claims_never_overlap_and_released_memory_is_free_again():
    claims = ClaimMap(RAM)
    assert claims.claim(0x1000, 0x1000, 0) == 0x1000
    assert claims.claim(0x1800, 0x100, 0) is None
    assert claims.claim(0x0800, 0x900, 0) is None
    assert claims.claim(RAM - 16, 32, 0) is None
    assert claims.claim(0, 0, 0) is None
    assert claims.claim(0, 0x1000, 0x1000) == 0
    assert claims.claim(0, 0x1000, 0x3000) == 0x4000
    assert not claims.release(0x1000, 0x800)
    assert claims.release(0x1000, 0x1000)
    assert claims.claim(0x1800, 0x100, 0) == 0x1800


@given(
    st.lists(
        st.tuples(
            st.integers(0, 1 << 20),
            st.integers(0, 1 << 16),
            st.sampled_from([0, 1, 16, 4096, 5000]),
        )
    )
)
def test_claims_stay_disjoint_and_with_the_gaps_fill_memory(requests):
    claims = ClaimMap(1 << 20)
    taken = []
    for start, size, align in requests:
        got = claims.claim(start, size, align)
        if got is not None:
            taken.append((got, size))
            assert not align or got % align == 0 or align == 5000
    everything = sorted(taken + claims.available())
    position = 0
    for start, size in everything:
        assert start == position
        position += size
    assert position == 1 << 20


def test_the_tree_of_a_machine_can_be_flattened_after_boot(call):
    call(prom_init)
    assert call.machine.device_tree()[:4] == b"\xd0\x0d\xfe\xed"
    root = call.machine._client.state.tree.root
    assert get(root.get_subnode("rtas"), "linux,rtas-entry") == cells(0x3000000)
