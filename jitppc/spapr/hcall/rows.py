"""All hypercalls: importing this module imports every file with @hcall rows."""

from jitppc.spapr.hcall import (  # noqa: F401  (their @hcall rows fill the table)
    cpu,
    crq,
    firmware,
    lan,
    logical,
    mmu,
    mode,
    platform,
    tce,
    term,
    vio,
    xics,
    xive,
)
