"""PCI of a pseries machine: host bridges, their windows, interrupts and tree nodes.

Ref: LoPAR 7.3.5 (configuration space), 9 (I/O devices), appendix B.6.5; reference §4.5, §7.6.
"""
