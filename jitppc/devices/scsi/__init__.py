"""A SCSI target: logical units on block back ends, for whatever transport brings commands.

    transport: ScsiBus.unit(channel, target, lun) ──► LogicalUnit.execute(Task) ──► Completion

The transport finds the guest's memory (`DataBuffer`), the unit moves data straight between it and
the `BlockBackend`. Ref: SPC-4, SBC-3, MMC-6 of INCITS T10, by these names below.
"""
