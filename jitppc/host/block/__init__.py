"""Disk images of the host: raw files and devices directly, other formats through qemu-nbd."""
