"""Two virtual processors beside one, and beside QEMU's."""
