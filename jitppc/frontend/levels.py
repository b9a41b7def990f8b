"""ISA levels, and the processors that tests, the fuzzer and guests may ask for by name.

A row says which level brought the instruction (`since`) and, where one took it away again, the
last that had it (`until`). A model executes the rows whose span holds its level, and nothing else.
Ref: Book I preface of each version ("summary of changes"); Book III 2.5 (PCR).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from jitppc.ir.layout import MODEL_NAMES

if TYPE_CHECKING:
    from .rows import Row

#: oldest first; a later level has what an earlier one has unless a row says `until`
LEVELS = (
    "P1", "P2", "PPC", "2.00", "2.01", "2.02", "2.03", "2.04", "2.05", "2.06", "2.07",
    "3.0", "3.0B", "3.0C", "3.1", "3.1B",
)
_RANK = {level: rank for rank, level in enumerate(LEVELS)}


@dataclass(frozen=True, slots=True)
class Model:
    """A processor, as far as its instruction set goes; `bit` stands for it in sets of models."""

    name: str
    level: str
    bit: int

    @property
    def has_large_decrementer(self) -> bool:
        """LPCR[LD] exists. Ref: Power ISA 3.0 Book III 2.2."""
        return rank(self.level) >= rank("3.0")


MODELS: dict[str, Model] = {
    name: Model(name, level, 1 << number)
    for number, (name, level) in enumerate(
        zip(MODEL_NAMES, ("2.02", "2.05", "2.06", "2.07", "3.0C", "3.1B", "3.1B"), strict=True)
    )
}
#: the version half of PVR
_VERSIONS = {
    0x3B: "power5+", 0x3F: "power7", 0x4A: "power7", 0x4B: "power8", 0x4C: "power8", 0x4D: "power8",
    0x4E: "power9", 0x80: "power10", 0x82: "power11",
}  # fmt: skip
ALL_MODELS = sum(model.bit for model in MODELS.values())
#: what stands for "the processor this release is about" where nobody names one
DEFAULT_MODEL = MODELS["power9"]


def rank(level: str) -> int:
    """Position of a level in time; ValueError names one that does not exist."""
    if level not in _RANK:
        raise ValueError(f"unknown ISA level {level!r}")
    return _RANK[level]


def model_named(name: str) -> Model:
    """The model of this name in any letter case; ValueError names those that exist."""
    model = MODELS.get(name.strip().lower())
    if model is None:
        raise ValueError(f"unknown processor model {name!r}; there are {', '.join(MODELS)}")
    return model


def model_of_pvr(pvr: int) -> Model:
    """The model a Processor Version Register stands for; the default one for versions unknown."""
    return MODELS.get(_VERSIONS.get(pvr >> 16, ""), DEFAULT_MODEL)


def model_for(row: Row) -> Model:
    """A model that executes the row: the default one if it does, else the newest."""
    if in_model(row, DEFAULT_MODEL):
        return DEFAULT_MODEL
    return next(model for model in reversed(MODELS.values()) if in_model(row, model))


def in_model(row: Row, model: Model | str) -> bool:
    """True if the model executes the row, and does not raise the illegal-instruction interrupt."""
    if isinstance(model, str):
        model = model_named(model)
    last = rank(row.until) if row.until is not None else len(LEVELS)
    return rank(row.since) <= rank(model.level) <= last


def models_of(row: Row) -> int:
    """The set of models that execute the row, as the sum of their bits."""
    return sum(model.bit for model in MODELS.values() if in_model(row, model))
