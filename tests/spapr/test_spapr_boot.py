import os
import struct

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from spapr_fakes import RAM, FakeMemory, elf

from jitppc.errors import KernelError, OptionError
from jitppc.spapr import boot
from jitppc.spapr.kernel_image import read_kernel
from jitppc.spapr.memory_map import KERNEL_GRA, MIB
from jitppc.spapr.memory_size import memory_size

GOOD = elf()
PSERIES = b"ibm,client-architecture-support\0"


def refused(path, match):
    with pytest.raises(KernelError, match=match) as caught:
        read_kernel(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (b"", "empty"),
        (b"MZ" + bytes(0x200) + b"HdrS" + bytes(600), "x86 kernel"),
        (b"#!/bin/sh\n", "not an ELF"),
        (b"\x1f\x8b\x08" + bytes(500), "not an ELF"),
        (b"\x7fELF", "truncated|damaged"),
        (GOOD[:40], "truncated|damaged"),
        (GOOD[:100], "truncated|damaged"),
        (GOOD[:-1], "truncated"),
        (elf(machine=62), "x86-64"),
        (elf(machine=183), "64-bit ARM"),
        (elf(machine=20, elf_class=1, data=2), "32-bit PowerPC"),
        (elf(elf_type=1), "no executable"),
        (elf(body=b"\x00" * 64), "not built for pseries"),
    ],
)
def test_files_that_are_no_pseries_kernel_are_refused_in_one_line(tmp_path, data, match):
    path = tmp_path / "kernel"
    path.write_bytes(data)
    refused(path, match)


def test_missing_directory_and_unreadable_kernels_are_refused_in_one_line(tmp_path):
    refused(tmp_path / "none", "does not exist")
    refused(tmp_path, "is a directory")
    locked = tmp_path / "locked"
    locked.write_bytes(GOOD)
    locked.chmod(0)
    if os.geteuid():
        refused(locked, "ermission")


@given(st.integers(0, len(GOOD)), st.binary(max_size=8))
@example(37, b"\x00\x00\x80")
def test_damaged_kernels_give_an_error_line_and_nothing_else(tmp_path_factory, at, patch):
    path = tmp_path_factory.getbasetemp() / "damaged"
    path.write_bytes(GOOD[:at] + patch + GOOD[at + len(patch) :])
    message = ""
    try:
        boot.place(read_kernel(path), None, RAM)
    except KernelError as error:
        message = str(error)
    assert "\n" not in message


def test_kernel_is_loaded_where_its_address_says_and_its_bss_is_zero(tmp_path):
    path = tmp_path / "kernel"
    body = b"\x08\0\0\x48" + PSERIES
    path.write_bytes(elf(body=body, memsz=0x1000, vaddr=0xC000000000020000))
    memory = FakeMemory(RAM)
    memory.data[:] = b"\xff" * RAM
    images = boot.place(read_kernel(path), None, RAM)
    taken = images.load(memory)
    assert images.kernel.entry == KERNEL_GRA + 0x20000
    assert memory.read(KERNEL_GRA + 0x20000, len(body)) == body
    assert memory.read(KERNEL_GRA + 0x20000 + len(body), 0x1000 - len(body)) == bytes(
        0x1000 - len(body)
    )
    assert taken == [(KERNEL_GRA + 0x20000, 0x1000)]


def test_a_kernel_goes_where_the_user_says_but_not_over_firmware(tmp_path):
    path = tmp_path / "kernel"
    path.write_bytes(elf(data=2, vaddr=0xC000000000020000))
    kernel = read_kernel(path, 0x100_0000)
    assert (kernel.start, kernel.entry, kernel.is_little_endian) == (0x102_0000, 0x102_0000, False)
    assert boot.place(read_kernel(path, 0), None, RAM).kernel.start == 0x20000
    with pytest.raises(KernelError, match="where firmware is; give another kernel-addr"):
        boot.place(read_kernel(path, 0), None, RAM, firmware_end=4 * MIB)


def test_firmware_of_the_guest_may_start_kernels_that_are_no_clients(tmp_path):
    path = tmp_path / "kernel"
    path.write_bytes(elf(data=2, body=bytes(64)))
    refused(path, "not built for pseries")
    assert read_kernel(path, is_client=False).start == KERNEL_GRA


def test_what_does_not_fit_is_refused_with_the_sizes(tmp_path):
    big = tmp_path / "kernel"
    big.write_bytes(elf(memsz=100 * MIB))
    with pytest.raises(KernelError, match="more memory"):
        boot.place(read_kernel(big), None, RAM)
    small = tmp_path / "small"
    small.write_bytes(GOOD)
    initrd = tmp_path / "initrd"
    initrd.write_bytes(bytes(85 * MIB))
    with pytest.raises(KernelError, match="does not fit"):
        boot.place(read_kernel(small), initrd, RAM)
    assert boot.place(read_kernel(small), initrd, 2 * RAM).initrd_gra
    for path, match in ((tmp_path, "directory"), (tmp_path / "none", "does not exist")):
        with pytest.raises(KernelError, match=match):
            boot.place(read_kernel(small), path, RAM)


@pytest.mark.parametrize(
    ("value", "size"),
    [("2G", 2 << 30), ("512", 512 << 20), ("0.5g", 512 << 20), ("1T", 1 << 40), (RAM, RAM)],
)
def test_memory_sizes_are_read_as_users_write_them(value, size):
    assert memory_size(value) == size


@pytest.mark.parametrize("value", ["", "2X", "-1G", "1.5.2G", "127M", "2T", 0, 1 << 50, RAM + 1])
def test_impossible_memory_sizes_are_refused(value):
    with pytest.raises(OptionError):
        memory_size(value)


def wrapped_elf(section=b".kernel:vmlinux.strip", vaddr=0x400_0000):
    """A 32-bit big-endian program with one segment and one named section, as a zImage is."""
    names = b"\0" + section + b"\0"
    body = b"\x48\0\0\0"
    header = struct.pack(
        ">HHIIIIIHHHHHH", 2, 20, 1, vaddr, 52, 84 + len(body) + len(names), 0, 52, 32, 1, 40, 1, 0
    )
    segment = struct.pack(">8I", 1, 84, vaddr, vaddr, len(body), 0x2000, 5, 4)
    table = struct.pack(">10I", 1, 3, 0, 0, 84 + len(body), len(names), 0, 0, 1, 0)
    return b"\x7fELF\x01\x02\x01" + bytes(9) + header + segment + body + names + table


def test_a_big_endian_zimage_is_loaded_where_it_is_linked(tmp_path):
    """It cannot run anywhere else; only `kernel-addr` says otherwise."""
    path = tmp_path / "zImage.pseries"
    path.write_bytes(wrapped_elf())
    kernel = read_kernel(path)
    assert (kernel.entry, kernel.start, kernel.end) == (0x400_0000, 0x400_0000, 0x400_2000)
    assert not kernel.is_little_endian
    assert read_kernel(path, 0x40_0000).entry == 0x440_0000
    path.write_bytes(wrapped_elf(section=b".text"))
    refused(path, "32-bit PowerPC")
