"""What a user can give wrong is one line and status 2, with the real machine behind the command."""

import struct

import pytest

from jitppc.cli import main


@pytest.fixture
def complaint(capsys):
    """The one line that a command ends with, and nothing else."""

    def run(*words):
        status = main(words)
        output, errors = capsys.readouterr()
        assert (2, "") == (status, output)
        assert errors.startswith("jitppc: ")
        assert 1 == errors.count("\n")
        return errors

    return run


def elf_header(machine=21, is_little_endian=True, is_64_bit=True, segments=0):
    """An ELF header; the offsets of its tables point behind the end."""
    order = "<" if is_little_endian else ">"
    ident = b"\x7fELF" + bytes([2 if is_64_bit else 1, 1 if is_little_endian else 2, 1])
    fields = (2, machine, 1, 0, 64, 0, 2, 64, 56, segments, 64, 0, 0)
    return ident.ljust(16, b"\0") + struct.pack(order + "HHIQQQIHHHHHH", *fields)


@pytest.mark.parametrize(
    "contents",
    [
        b"",
        b"\x7fELF",
        b"#!/bin/sh\n",
        elf_header()[:40],
        elf_header(segments=3),
        elf_header(machine=62),
        elf_header(machine=20, is_64_bit=False),
        elf_header(),
    ],
    ids=[
        "empty",
        "magic only",
        "script",
        "cut header",
        "cut segments",
        "x86",
        "32 bits",
        "nothing to load",
    ],
)
def test_kernels_that_cannot_boot(complaint, tmp_path, contents):
    kernel = tmp_path / "vmlinux"
    kernel.write_bytes(contents)
    assert str(kernel) in complaint("run", "-kernel", str(kernel))


def test_a_kernel_that_is_not_there(complaint, tmp_path):
    assert "absent" in complaint("run", "-kernel", str(tmp_path / "absent"))


def test_a_directory_as_kernel(complaint, tmp_path):
    assert str(tmp_path) in complaint("run", "-kernel", str(tmp_path))


@pytest.mark.parametrize("name", ["absent", "."])
def test_an_initrd_that_cannot_be_read(complaint, tmp_path, name):
    kernel = tmp_path / "vmlinux"
    code = struct.pack("<4I", *[0x60000000] * 4)
    segment = struct.pack("<IIQQQQQQ", 1, 7, 120, 0, 0, len(code), len(code), 8)
    header = bytearray(elf_header(segments=1))
    struct.pack_into("<QQ", header, 32, 64, 0)  # the segment follows the header; no sections
    kernel.write_bytes(header + segment + code)
    message = complaint("run", "-kernel", str(kernel), "-initrd", str(tmp_path / name))
    assert "initrd" in message or str(tmp_path) in message


def test_a_command_line_longer_than_the_kernel_takes(complaint, tmp_path):
    complaint("run", "-kernel", "/bin/true", "-append", "x" * 100_000)
