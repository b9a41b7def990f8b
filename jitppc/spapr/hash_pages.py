"""What a guest may do with its hashed page table: page sizes, another size of the table.

Ref: reference §1.2 (resize-hpt), §1.3 (cap-hpt-max-page-size), §4.3.1.
"""

from dataclasses import dataclass
from enum import Enum

from jitppc.errors import OptionError
from jitppc.spapr.fdt_values import cells

SEGMENTS = (
    (12, 0x000, ((12, 0), (24, 0x38))),
    (16, 0x110, ((16, 1), (24, 8))),
    (24, 0x100, ((24, 0),)),
    (34, 0x120, ((34, 3),)),
)
"""log2 of a segment's base page size, its bits in the SLB, and the pages in it with theirs."""
BASIC_SEGMENTS = ((12, 0x000, ((12, 0),)), (24, 0x100, ((24, 0),)))

DEFAULT_LIMIT_LOG2 = 16
PAGE_SIZES = {"4k": 12, "64k": 16, "16m": 24, "16g": 34}


STORAGE_KEYS = 32
"""Virtual page class keys that AMR and IAMR have bits for."""


@dataclass(frozen=True, slots=True)
class HashTable:
    """What the tree tells of a hashed page table of 1 << size_log2 bytes."""

    size_log2: int
    page_limit_log2: int = DEFAULT_LIMIT_LOG2
    has_storage_keys: bool = False


class ResizeHpt(Enum):
    """`-M resize-hpt=`."""

    DISABLED = "disabled"
    ENABLED = "enabled"
    REQUIRED = "required"


def resize_hpt(name: str) -> ResizeHpt:
    return ResizeHpt.ENABLED if name == "default" else ResizeHpt(name)


def page_limit_log2(name: str) -> int:
    """`-M cap-hpt-max-page-size=name`."""
    found = PAGE_SIZES.get(name.lower().removesuffix("ib").removesuffix("b"))
    if found is None:
        raise OptionError(f"cap-hpt-max-page-size={name}: there are {', '.join(PAGE_SIZES)}")
    return found


def segment_page_sizes(limit_log2: int, *, is_basic: bool = False) -> bytes:
    """`ibm,segment-page-sizes` without pages above the limit; see `CpuModel.is_basic`."""
    values: list[int] = []
    for base, bits, pages in BASIC_SEGMENTS if is_basic else SEGMENTS:
        fitting = [page for page in pages if page[0] <= limit_log2]
        if base <= limit_log2:
            values += [base, bits, len(fitting), *(value for page in fitting for value in page)]
    return cells(*values)
