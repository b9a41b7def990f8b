"""`jitppc dis`: addresses, byte orders, files; the text of instructions is the front end's."""

import struct

import pytest


@pytest.fixture(autouse=True)
def plain_disassembler(monkeypatch):
    """The command is tested apart from the rows."""

    def disassemble(word, cia=0, model=None):
        prefix = f"{word >> 32:x} then " if word >> 32 else ""
        return f"insn {prefix}{word & 0xFFFFFFFF:x}"

    monkeypatch.setattr("jitppc.frontend.disasm.disassemble", disassemble)


def test_words_get_consecutive_addresses(jitppc):
    status, output, _errors = jitppc("dis", "-start", "0x100", "7c642a14", "0x60000000")
    assert 0 == status
    assert [
        "100:  7c642a14           insn 7c642a14",
        "104:  60000000           insn 60000000",
    ] == [line.strip() for line in output.splitlines()]


def test_a_prefixed_instruction_takes_two_words(jitppc):
    _status, output, _errors = jitppc("dis", "06000000", "38600001", "60000000")
    assert [
        "0:  06000000 38600001  insn 6000000 then 38600001",
        "8:  60000000           insn 60000000",
    ] == [line.strip() for line in output.splitlines()]


def test_raw_files_have_the_byte_order_that_is_said(jitppc, tmp_path):
    path = tmp_path / "code"
    path.write_bytes(struct.pack("<2I", 0x7C642A14, 0x60000000))
    assert "insn 7c642a14" in jitppc("dis", "-raw", "little", str(path))[1]
    assert "insn 142a647c" in jitppc("dis", "-raw", "big", str(path))[1]
    assert 1 == len(jitppc("dis", "-raw", "big", "-count", "1", str(path))[1].splitlines())


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((), "dis what?"),
        (("xyz",), "neither a file nor a hexadecimal word"),
        (("123456789",), "neither a file nor a hexadecimal word"),
        (("/etc/passwd",), "is not ELF"),
        (("/bin/true",), "not for Power"),
        (("/tmp",), "Is a directory"),
        (("-count", "0", "60000000"), "number from 1"),
        (("-start", "here", "60000000"), "hexadecimal address"),
    ],
)
def test_what_cannot_be_disassembled_is_one_line(jitppc, words, expected):
    status, _output, errors = jitppc("dis", *words)
    assert (2, 1) == (status, errors.count("\n"))
    assert expected in errors


def test_a_truncated_elf_is_one_line(jitppc, tmp_path):
    path = tmp_path / "short"
    path.write_bytes(b"\x7fELF\x02\x01\x01" + bytes(20))
    status, _output, errors = jitppc("dis", str(path))
    assert (2, 1) == (status, errors.count("\n"))


def test_sections_of_an_elf_file_show_their_symbols(jitppc, tmp_path, require_tool):
    import subprocess

    source, target = tmp_path / "a.s", tmp_path / "a.o"
    source.write_text(".globl start\nstart: add 3,4,5\n nop\nagain: blr\n")
    subprocess.run([require_tool("powerpc64le-linux-gnu-as"), source, "-o", target], check=True)
    status, output, _errors = jitppc("dis", str(target))
    assert 0 == status
    assert "<start>:" in output
    assert "<again>:" in output
    assert "insn 7c642a14" in output
    assert "<start>" not in jitppc("dis", "-start", "4", str(target))[1]
