"""Registers of a vCPU by the names of the book, for Python."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping, MutableSequence
from typing import Any

import numpy as np

SPR_NUMBERS = {
    "DSCR": 17, "DSISR": 18, "DAR": 19, "SRR0": 26, "SRR1": 27, "CFAR": 28, "AMR": 29, "PIDR": 48,
    "IAMR": 61, "CTRL": 152, "FSCR": 153, "UAMOR": 157, "PSPB": 159, "VRSAVE": 256, "SPRG0": 272,
    "SPRG1": 273, "SPRG2": 274, "SPRG3": 275, "PVR": 287, "CIABR": 187, "DAWR0": 180, "DAWR1": 181,
    "DAWRX0": 188, "DAWRX1": 189, "MMCR0": 795, "EBBHR": 804, "EBBRR": 805,
    "BESCR": 806, "TAR": 815, "PPR": 896, "LR": 8, "CTR": 9,
}


class Gprs(MutableSequence[int]):
    """The 32 general purpose registers as unsigned ints."""

    def __init__(self, array: np.ndarray) -> None:
        self._array = array.data        # elements of which are ints at once

    def __len__(self) -> int:
        return 32

    def __getitem__(self, index: Any) -> Any:
        found = self._array[index]
        return found.tolist() if isinstance(index, slice) else found

    def __setitem__(self, index: Any, value: Any) -> None:
        if isinstance(index, slice):
            for number, one in zip(range(*index.indices(32)), value, strict=True):
                self._array[number] = int(one) & (1 << 64) - 1
        else:
            self._array[index] = int(value) & (1 << 64) - 1

    def __delitem__(self, index: Any) -> None:
        raise TypeError("registers cannot be removed")

    def insert(self, index: int, value: int) -> None:
        raise TypeError("registers cannot be added")


class Sprs(MutableMapping[str, int]):
    """Special purpose registers that are plain storage, by name."""

    def __init__(self, array: np.ndarray) -> None:
        self._array = array

    def __getitem__(self, name: str) -> int:
        return int(self._array[SPR_NUMBERS[name]])

    def __setitem__(self, name: str, value: int) -> None:
        self._array[SPR_NUMBERS[name]] = value & (1 << 64) - 1

    def __delitem__(self, name: str) -> None:
        raise TypeError("registers cannot be removed")

    def __iter__(self) -> Iterator[str]:
        return iter(SPR_NUMBERS)

    def __len__(self) -> int:
        return len(SPR_NUMBERS)
