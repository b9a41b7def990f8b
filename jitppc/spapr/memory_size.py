"""Sizes of guest memory as users write them."""

import re

from jitppc.errors import OptionError
from jitppc.spapr.memory_map import MIB, RMA_MIN

MAX_SIZE = 1 << 40
SUFFIX_SHIFTS = {"": 20, "B": 0, "K": 10, "M": 20, "G": 30, "T": 40}


def memory_size(value: str | int) -> int:
    """Bytes for `2G`, `512M`, `512` (mebibytes) or an int of bytes; OptionError when impossible."""
    if isinstance(value, str):
        match = re.fullmatch(
            r"(\d{1,15}(?:\.\d{1,6})?)\s*([BKMGT]?)(?:iB)?", value.strip(), re.IGNORECASE
        )
        if match is None:
            raise OptionError(f"memory size {value!r} is not a number with K, M, G or T")
        size = int(float(match[1]) * (1 << SUFFIX_SHIFTS[match[2].upper()]))
    else:
        size = value
    if size < RMA_MIN:
        raise OptionError(
            f"memory size {value} is too small; a pseries machine needs at least 128M"
        )
    if size > MAX_SIZE:
        raise OptionError(f"memory size {value} is too large; at most 1T is possible")
    if size % MIB:
        raise OptionError(f"memory size {value} is not a multiple of 1M")
    return size
