"""Laws of encodings, over all rows: what is put together comes apart again, by us and by GNU as."""

import re
import subprocess

import numpy as np
import pytest

from jitppc.frontend.decode import decode, rows
from jitppc.frontend.disasm import disassemble
from jitppc.frontend.forms import COMBINED, FLAGS, field_value, raw_field, words_of
from jitppc.frontend.levels import MODELS, in_model
from jitppc.fuzz.generate_words import WordTable

#: and for the assembler of one model
NOT_ROUND_ON = {"power8": {"tlbiel.hash": "GNU as wants RB and L"}}

CIA = 0x100000
EACH = 6
#: rows whose text means another word to GNU as, and why
NOT_ROUND = {
    "nop": "`nop` is `ori 0,0,0`",
    "pnop": "its suffix may hold anything; GNU as writes 0",
    "mtcrf": "GNU as writes mtocrf where one field is meant",
    "mftb": "GNU as writes mfspr",
    "mftb.TBU": "GNU as writes mfspr",
}


def sample(model, seed=1):
    """(row, word) of all rows of the model."""
    chosen = [row for _, row in sorted(rows().items()) if in_model(row, model)]
    table = WordTable(chosen, model)
    numbers = np.repeat(np.arange(len(chosen)), EACH)
    words = table.words(numbers, np.random.default_rng(seed))
    return [(chosen[n], int(word)) for n, word in zip(numbers, words, strict=True)]


def encode(row, fields):
    """The word of a row with these raw fields."""
    word = row.picture.value
    for name, value in fields.items():
        shift, width = row.picture.fields[name]
        assert 0 <= value < 1 << width
        word |= value << shift
    return word


@pytest.mark.parametrize("model", ["power8", "power9", "power10"])
def test_fields_put_together_come_apart_again(model):
    for row, word in sample(model):
        picture = row.picture
        fields = {name: raw_field(picture, word, name) for name in picture.fields}
        assert word == encode(row, fields)
        assert row is decode(word, MODELS[model]).row
        covered = picture.mask
        for shift, width in picture.fields.values():
            bits = ((1 << width) - 1) << shift
            assert not covered & bits, row.key
            covered |= bits
        for name in (*picture.fields, *COMBINED):
            pieces = COMBINED.get(name, (name,)) if name not in picture.fields else (name,)
            if all(piece in picture.fields for piece in pieces):
                width = sum(picture.fields[piece][1] for piece in pieces)
                number = field_value(picture, word, name)
                assert -(1 << 40) < number < 1 << 40
                assert raw_field(picture, word, name) < 1 << width


def test_reserved_bits_do_not_matter():
    source = np.random.default_rng(3)
    for row, word in sample("power9"):
        free = sum(((1 << width) - 1) << shift for shift, width in row.picture.fields.values())
        reserved = ~(row.picture.mask | free) & (1 << row.picture.bits) - 1
        changed = word ^ (int(source.integers(0, 1 << 63)) & reserved)
        found = decode(changed, MODELS["power9"])
        assert found is not None
        if found.row is row:  # bits that are reserved here may be another row's opcode
            assert row.flag_values(word) == row.flag_values(changed)


def test_flags_are_the_rows_variants():
    for row, word in sample("power9"):
        assert row.flag_values(word) in list(row.variants())
        assert all(flag in FLAGS or flag in row.flags for flag in row.flag_values(word))


def _is_invalid(row, word):
    """An update of no register, which GNU as refuses."""
    name = row.key.removesuffix("x")
    return name.endswith("u") and name[0] in "ls" and not raw_field(row.picture, word, "RA")


def _line(row, word, model):
    """Our text; the target of a relative branch as a distance, since lines move."""
    text = disassemble(word, CIA, MODELS[model])
    if row.name in {"b", "bc"} and not row.flag_values(word)["AA"]:
        return re.sub(r"0x([0-9a-f]+)$", lambda m: f".+({int(m[1], 16) - CIA})", text)
    return text


@pytest.mark.parametrize("model", ["power8", "power9", "power10"])
def test_gnu_as_makes_the_same_word_of_our_text(model, require_tool, tmp_path):
    assembler = require_tool("powerpc64le-linux-gnu-as")
    copier = require_tool("powerpc64le-linux-gnu-objcopy")
    chosen = [
        (row, word)
        for row, word in sample(model)
        if row.key not in NOT_ROUND
        and row.key not in NOT_ROUND_ON.get(model, {})
        and not _is_invalid(row, word)
    ]
    assert len(chosen) > 4000
    known = {**NOT_ROUND, **NOT_ROUND_ON.get(model, {})}
    assert set(known) <= set(rows()), "an exception that is not needed"
    source, built, raw = (tmp_path / name for name in ("x.s", "x.o", "x.bin"))
    lines, places, position = [], [], 0
    for row, word in chosen:
        size = len(words_of(word))
        if size == 2 and position % 16 == 15:        # a prefixed one crosses no 64 bytes
            lines.append("nop")
            position += 1
        places.append(position)
        lines.append(_line(row, word, model))
        position += size
    source.write_text("\n".join(lines) + "\n", encoding="ascii")
    command = [assembler, f"-m{model}", "-mregnames", "-mbig", "-o", built, source]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert 0 == done.returncode, done.stderr[:2000]
    subprocess.run([copier, "-O", "binary", "-j", ".text", built, raw], check=True)
    theirs = np.frombuffer(raw.read_bytes(), ">u4").tolist()
    wrong = []
    for at, (row, word) in zip(places, chosen, strict=True):
        found = theirs[at : at + len(words_of(word))]
        if list(words_of(word)) != found:
            shown = " ".join(f"{w:08x}" for w in found)
            wrong.append(f"{row.key}: {word:08x} {_line(row, word, model)} -> {shown}")
    assert len(theirs) == position
    assert [] == wrong
