"""Which format an image has, by what is said, by its name, and by how it begins."""

from pathlib import Path

from jitppc.errors import OptionError
from jitppc.option_values import suggestion

# How images begin, at which offset. Ref: the formats' own descriptions, as `file` knows them.
_MAGIC = {
    "qcow2": (0, b"QFI\xfb"),
    "qed": (0, b"QED\0"),
    "vmdk": (0, b"KDMV"),
    "vhdx": (0, b"vhdxfile"),
    "vpc": (0, b"conectix"),
    "vdi": (0x40, b"\x7f\x10\xda\xbe"),
    "luks": (0, b"LUKS\xba\xbe"),
    "parallels": (0, b"WithoutFreeSpace"),
}
FORMATS = ("raw", *_MAGIC)
_ENDINGS = {f".{name}": name for name in FORMATS} | {".qcow": "qcow2", ".vhd": "vpc"}
_ENDINGS |= {".iso": "raw", ".img": "raw"}


def known_format(text: str) -> str:
    """A format that can be asked for."""
    if text not in FORMATS:
        guess = suggestion(text, FORMATS) or f"; known: {', '.join(FORMATS)}"
        raise ValueError(f"unknown format {text!r}{guess}")
    return text


def detect(path: Path) -> str:
    """The format of an image of which nothing is said; what is ambiguous is refused.

    A guest can write to a raw disk whatever a format begins with. So an image that is called raw
    and begins like another format is not guessed at.
    """
    begins = _begins_like(path)
    named = _ENDINGS.get(path.suffix.lower())
    if begins and named not in {begins, None}:
        raise OptionError(
            f"{path} is called {path.suffix} and begins like {begins}: "
            f"say which with format={named} or format={begins}"
        )
    if named not in {None, "raw"} and not begins:
        raise OptionError(
            f"{path} is called {path.suffix} and does not begin like {named}: "
            "say format=raw if that is what it is"
        )
    return begins or "raw"


def _begins_like(path: Path) -> str:
    try:
        with path.open("rb") as file:
            head = file.read(512)
    except OSError as error:
        raise OptionError(f"{path}: {error.strerror}") from None
    for name, (offset, magic) in _MAGIC.items():
        if head[offset : offset + len(magic)] == magic:
            return name
    return ""
