"""Native code for facts that the evaluator cannot show."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "runtime"))

from bench import CODE, STAY, bench
from vectors import new_state

from jitppc.ir.layout import MSR
from jitppc.runtime.exits import ExitReason


def native_machine_check(enabled: bool) -> str:
    """What a load from a real address without memory ends in."""
    native, state = bench("exact"), new_state()
    state[0]["msr"] = MSR.SF | MSR.LE | (MSR.ME if enabled else 0)
    state[0]["gpr"][3] = 1 << 40
    native.load_state(state)
    native.place(CODE, [0xE8830000, STAY])               # ld r4,0(r3)
    native.place_vectors(little=False)
    result = native.run(CODE, 1)
    if result.exit.reason is ExitReason.CHECKSTOP:
        return "checkstop"
    return "machine check" if result.nia == 0x200 else hex(result.nia)
