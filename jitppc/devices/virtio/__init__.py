"""Virtio devices: split queues, device types, and the transport over PCI.

Ref: Virtual I/O Device (VIRTIO) Version 1.2, called "virtio 1.2" here.
"""
