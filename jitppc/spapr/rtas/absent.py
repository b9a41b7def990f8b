"""Calls of the reference machine for devices that are not here yet: not in the tree, answer -3.

PCI error handling, hot-plug connectors, suspension.
Ref: LoPAR 7.3.11 (EEH), 13.7 (ibm,configure-connector); reference §3.2.
"""

from jitppc.spapr.papr_cpu import PaprCpu
from jitppc.spapr.rtas.status import Status
from jitppc.spapr.rtas.table import RtasResult, rtas

ABSENT = (
    (0x1E, "ibm,configure-connector", (2, 1)),
    (0x20, "ibm,set-eeh-option", (4, 1)),
    (0x21, "ibm,get-config-addr-info2", (4, 2)),
    (0x22, "ibm,read-slot-reset-state2", (3, 4), (3, 5)),
    (0x23, "ibm,set-slot-reset", (4, 1)),
    (0x24, "ibm,configure-pe", (3, 1)),
    (0x25, "ibm,slot-error-detail", (8, 1)),
    (0x2A, "ibm,suspend-me", (0, 1)),
)


def _absent(cpu: PaprCpu, *args: int) -> RtasResult:
    return Status.PARAMETER


for _number, _name, *_counts in ABSENT:
    rtas(_number, _name, *_counts, advertised=False)(_absent)
