"""One guest of ours in a process of its own: `python -m jitppc.bench.guest ORDER`, ORDER as JSON.

The guest's console comes out of standard output. A line `@facts JSON` follows when it has ended.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from jitppc.errors import UserError
from jitppc.strategies import RegionOptions, Strategy


def main(words: list[str]) -> int:
    order = json.loads(words[0])
    try:
        facts = run(order)
    except UserError as error:
        print(f"jitppc: {error}", file=sys.stderr)
        return 2
    print(f"\n@facts {json.dumps(facts, default=float)}", flush=True)
    return 0


def run(order: dict[str, Any]) -> dict[str, Any]:
    """What was measured of the guest that the order describes, until it has powered off."""
    from jitppc.spapr.machine import Machine

    started = time.monotonic()
    machine = Machine(
        kernel=order["kernel"],
        initrd=order["initrd"],
        append=order["append"],
        memory=order["memory"],
        strategy=strategy_of(order["strategy"]),
        no_reboot=True,
    )
    machine.on_console = _write
    with machine:
        ready = time.monotonic()
        stop = machine.run()
        ended = time.monotonic()
        statistics = machine.statistics()
    return {
        "stop": stop.reason,
        "setup_seconds": round(ready - started, 3),
        "run_seconds": round(ended - ready, 3),
        "statistics": statistics,
    }


def strategy_of(fields: dict[str, Any]) -> Strategy:
    """The strategy that `dataclasses.asdict` took apart."""
    regions = fields["regions"]
    return Strategy(**fields | {"regions": regions and RegionOptions(**regions)})


def _write(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
