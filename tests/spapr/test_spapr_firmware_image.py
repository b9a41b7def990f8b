"""Firmware that the guest runs: how it is entered, and the calls that are for it alone."""

import fdt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spapr_fakes import RAM, elf
from test_spapr_open_firmware import cas_vector

from jitppc.errors import KernelError, OptionError
from jitppc.ir.hcalls import H
from jitppc.spapr.fdt import flatten
from jitppc.spapr.fdt_values import cells, cells64, get, node, value_of
from jitppc.spapr.firmware_image import SIZE_MAX, BootWish, read_firmware, tree_gra
from jitppc.spapr.memory_map import KERNEL_GRA, MIB
from jitppc.spapr.partition import VcpuState

VECTORS, REPLY = 0x50_0000, 0x60_0000
M64 = (1 << 64) - 1


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "firmware.bin"
    path.write_bytes(b"firmware" * 100)
    return path


@pytest.fixture
def call_image(call, image):
    """As `call`, of a guest that runs firmware."""

    def run(program, **options):
        answer = call(program, firmware=image, **options)
        run.machine = call.machine
        return answer

    return run


def tree_at(memory, gra):
    size = int.from_bytes(memory.read(gra + 4, 4), "big")
    return fdt.parse_dtb(memory.read(gra, size))


def chosen_of(tree):
    return {prop.name: value_of(prop) for prop in tree.get_node("/chosen").props}


def test_it_is_entered_at_its_reset_vector_with_the_tree(machine_with, image):
    machine = machine_with(firmware=image, append="quiet", boot_wish=BootWish("dn"))
    tree = tree_gra(RAM)
    assert tree == RAM - 2 * MIB
    assert (machine.cpu.nia, machine.cpu.gpr[3], machine.cpu.msr) == (0x100, tree, 0x3000)
    assert machine.memory.read(0, 8) == b"firmware"
    assert machine.memory.read(KERNEL_GRA, len(elf()) - 120) == elf()[120:]
    chosen = chosen_of(tree_at(machine.memory, tree))
    assert chosen["qemu,boot-kernel"] == cells64(KERNEL_GRA, len(elf()) - 120)
    assert "qemu,boot-kernel-le" in chosen
    assert chosen["qemu,boot-device"] == b"dn\0"
    assert chosen["bootargs"] == b"quiet\0"
    assert not {"stdin", "stdout"} & set(chosen)


def test_a_big_endian_kernel_is_no_little_endian_one_and_none_is_none(machine_with, image, kernel):
    kernel.write_bytes(elf(data=2))
    machine = machine_with(firmware=image)
    assert "qemu,boot-kernel-le" not in chosen_of(tree_at(machine.memory, tree_gra(RAM)))
    machine = machine_with(firmware=image, kernel=None)
    assert "qemu,boot-kernel" not in chosen_of(tree_at(machine.memory, tree_gra(RAM)))


def test_without_kernel_and_firmware_there_is_nothing_to_start(machine_with, image, tmp_path):
    for options in ({}, {"firmware": image, "initrd": image}):
        with pytest.raises(OptionError, match="no kernel"):
            machine_with(kernel=None, **options)
    for data, match in ((b"", "0 bytes"), (bytes(SIZE_MAX + 1), "4 MiB")):
        path = tmp_path / "bad.bin"
        path.write_bytes(data)
        with pytest.raises(KernelError, match=match):
            read_firmware(path)
    with pytest.raises(KernelError, match="does not exist"):
        read_firmware(tmp_path / "none")


def test_it_agrees_with_the_machine_and_gets_the_tree_that_follows(call_image):
    def program(vcpu):
        vcpu.memory.write(VECTORS, cas_vector())
        return (yield from vcpu.hcall(0xF002, VECTORS, REPLY, 2 * MIB))[0]

    assert call_image(program) == H.SUCCESS
    memory = call_image.machine.memory
    assert memory.read(REPLY, 4) == cells(1)
    agreed = chosen_of(tree_at(memory, REPLY + 4))
    assert set(agreed) == {"ibm,arch-vec-5-platform-support", "ibm,architecture-vec-5"}
    assert agreed["ibm,architecture-vec-5"][24] == 0x40


@pytest.mark.parametrize(
    ("size", "pvrs", "status"),
    [
        (2 * MIB, ((0xFFFFFFFF, 0x12345678), (0, 0xF0000000)), H.HARDWARE),
        (1 << 40, ((0xFFFF0000, 0x004E0000), (0, 0xF0000000)), H.PARAMETER),
        (100, ((0xFFFF0000, 0x004E0000), (0, 0xF0000000)), H.PARAMETER),
    ],
)
def test_what_cannot_be_agreed_on_is_answered_with_a_code(call_image, size, pvrs, status):
    def program(vcpu):
        vcpu.memory.write(VECTORS, cas_vector(pvrs=pvrs))
        return (yield from vcpu.hcall(0xF002, VECTORS, REPLY, size))[0]

    assert call_image(program) == status & M64


def test_the_tree_that_it_makes_becomes_the_machines(call_image):
    made = flatten(node("/", {"model": b"mine\0"}, [node("rtas", {"linux,rtas-base": cells(99)})]))

    def program(vcpu):
        vcpu.memory.write(VECTORS, made)
        return (yield from vcpu.hcall(0xF003, VECTORS))[0]

    assert call_image(program) == H.SUCCESS
    assert get(fdt.parse_dtb(call_image.machine.device_tree()).root, "model") == b"mine\0"


@given(st.integers(0, 200), st.binary(min_size=1, max_size=40))
@settings(max_examples=60)
def test_a_damaged_tree_changes_nothing_or_is_a_tree(call_image_once, at, patch):
    made = flatten(node("/", {"model": b"mine\0"}, [node("rtas", {})]))
    call_image_once(made[:at] + patch + made[at + len(patch) :])


@pytest.fixture(scope="module")
def call_image_once(tmp_path_factory):
    """A function: H_UPDATE_DT of this tree answers SUCCESS or PARAMETER."""
    from spapr_fakes import FakeRuntime

    from jitppc.spapr.hcall.firmware import h_update_dt
    from jitppc.spapr.machine import Machine

    path = tmp_path_factory.mktemp("image") / "firmware.bin"
    path.write_bytes(b"firmware" * 100)
    machine = Machine(None, firmware=path, memory=RAM, runtime=FakeRuntime())

    def update(data):
        machine.memory.write(VECTORS, data)
        answer = h_update_dt(machine._processors[0]._cpu, VECTORS)
        assert answer in {H.SUCCESS, H.PARAMETER}
        assert machine.device_tree()

    return update


def test_our_own_firmware_and_that_of_the_guest_do_not_answer_for_each_other(call, call_image):
    def calls(opcode):
        def program(vcpu):
            return (yield from vcpu.hcall(opcode, VECTORS, REPLY, 4096))[0]

        return program

    assert [call(calls(0xF002)), call(calls(0xF003))] == [H.FUNCTION & M64] * 2
    assert call_image(calls(0xF005)) == H.FUNCTION & M64


def test_regions_have_addresses_only_from_our_own_firmware(machine_with, image):
    from jitppc.spapr.hardware import Device, Hardware

    hardware = Hardware(devices=(Device("virtio-rng-pci"),))
    for firmware, is_assigned in ((None, True), (image, False)):
        machine = machine_with(firmware=firmware, hardware=hardware)
        assert bool(machine.board.mmio.places) == is_assigned
        assert (b"assigned-addresses" in machine.device_tree()) == is_assigned
        state = machine._partition.records[0].state
        assert state is VcpuState.RUNNING
