"""Devices that know neither machine nor processor: PCI functions, virtio, SCSI targets.

They see guest memory through `ports.DmaSpace`, the host through `ports.BlockBackend` and its
siblings, and raise interrupts by calling what they were given.
"""
