"""Why a vCPU's `run` came back."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from jitppc.ir import layout


class ExitReason(enum.IntEnum):
    """The reasons, numbered as native code numbers them."""

    NONE = layout.ExitReason.NONE
    HCALL = layout.ExitReason.HCALL
    STOP_REQUESTED = layout.ExitReason.STOP_REQUESTED
    BUDGET = layout.ExitReason.BUDGET
    CHECKSTOP = layout.ExitReason.CHECKSTOP
    UNKNOWN_WORD = layout.ExitReason.UNKNOWN_WORD


@dataclass(frozen=True, slots=True)
class Exit:
    """One return from native code."""

    reason: ExitReason
    detail: int = 0
