"""Disks and networks: our devices by themselves, and guests beside QEMU."""
