"""What QEMU's options say about hardware, made into the machine's description of it."""
