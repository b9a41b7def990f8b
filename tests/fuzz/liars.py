"""References that do what references should not: for campaigns that must survive them."""

import os
import time

import numpy as np

from jitppc.errors import ReferenceFailure
from jitppc.fuzz.cases import USER_FIELDS, Kind
from jitppc.fuzz.references.evaluator import EvaluatorReference


class Honest(EvaluatorReference):
    """The evaluator under another name; what it says counts as somebody else's."""

    name = "honest"
    is_independent = True
    fields = USER_FIELDS


class Wrong(Honest):
    """Gets r3 wrong after every `addi` with an odd immediate."""

    name = "wrong"

    def run(self, batch):
        outcomes = super().run(batch)
        word = batch.cases["words"][:, :1].copy()
        for n in range(1, batch.cases["words"].shape[1]):
            word = np.concatenate((word, batch.cases["words"][:, n : n + 1]), axis=1)
        is_odd = ((word >> np.uint32(26) == 14) & (word & np.uint32(1) == 1)).any(axis=1)
        outcomes["state"]["gpr"][is_odd, 3] ^= np.uint64(1)
        return outcomes


def _is_poison(batch):
    """Cases with `addi` and the immediate 0x7fff."""
    words = batch.cases["words"]
    return ((words >> np.uint32(26) == 14) & (words & np.uint32(0xFFFF) == 0x7FFF)).any(axis=1)


class Dying(Honest):
    """Takes the whole process with it."""

    name = "dying"

    def run(self, batch):
        if _is_poison(batch).any():
            os._exit(7)
        return super().run(batch)


class Hanging(Honest):
    """Never comes back."""

    name = "hanging"

    def run(self, batch):
        if _is_poison(batch).any():
            time.sleep(3600)
        return super().run(batch)


class Giving(Wrong):
    """Gives up for good after its third batch."""

    name = "giving"
    batches = 0

    def run(self, batch):
        if len(batch) > 1:
            Giving.batches += 1
        if Giving.batches > 3:
            raise ReferenceFailure("the machine at the other end has been switched off")
        return super().run(batch)


class Silent(Honest):
    """Says nothing about anything."""

    name = "silent"

    def run(self, batch):
        outcomes = super().run(batch)
        outcomes["kind"] = Kind.NOT_JUDGED
        return outcomes
