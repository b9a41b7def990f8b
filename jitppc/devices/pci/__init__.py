"""PCI functions: configuration space, base address registers, MSI-X, INTx.

Ref: PCI Local Bus Specification 3.0, called "PCI 3.0" here.
"""
