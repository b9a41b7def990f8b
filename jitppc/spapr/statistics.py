"""Counters of several vCPUs as those of the machine."""

from collections.abc import Sequence
from typing import Any


def added(counts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Sums of numbers with the same name, also inside dictionaries; what only one has stays."""
    total: dict[str, Any] = {}
    for one in counts:
        for name, value in one.items():
            if isinstance(value, dict):
                total[name] = added([total.get(name, {}), value])
            elif isinstance(value, int | float) and name in total:
                total[name] += value
            else:
                total.setdefault(name, value)
    return total
