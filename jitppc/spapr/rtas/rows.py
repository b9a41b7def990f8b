"""All RTAS calls: importing this module imports every file with @rtas rows."""

from jitppc.spapr.rtas import (  # noqa: F401  (their @rtas rows fill the table)
    absent,
    console,
    cpu,
    events,
    indicators,
    interrupts,
    nvram,
    parameters,
    pci,
    pci_dma,
    pci_msi,
    power,
    time_of_day,
    vio,
)
