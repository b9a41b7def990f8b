"""Making vCPUs: which strategy, which clock, from which engine."""

from __future__ import annotations

import os
from typing import Any

from .engine import Engine
from .memory import GuestMemory
from .tier0 import Progress
from .translator import Translator
from .vcpu import Vcpu
from .workers import WorkerPool

STRATEGIES = {
    "interp": "tier 0 only: the threaded interpreter",
    "regions": "tier 0, and LLVM regions for hot code, compiled in worker processes",
    "exact": "tier 0 that counts and stops at exact instructions: the reference of -lockstep",
}


def make_vcpu(memory: GuestMemory, vcpu_id: int, pvr: int, strategy: str = "regions", clock: str = "host",
              use_cache: bool = True, progress: Progress | None = None, **_unused: Any) -> Vcpu:
    """A vCPU that executes by `strategy`, with an engine of its own."""
    if strategy not in STRATEGIES:
        raise ValueError(f"unknown strategy {strategy!r}; there are {', '.join(STRATEGIES)}")
    engine = Engine(exact=strategy == "exact", use_cache=use_cache, progress=progress)
    vcpu = Vcpu(engine, memory, vcpu_id, pvr, clock)
    if strategy == "regions":
        pool = WorkerPool(max(1, (os.cpu_count() or 2) - 1))
        vcpu.translator = Translator(engine, memory, vcpu, pool)
    return vcpu
