"""Virtual I/O devices: the bus, the console, the non-volatile memory. Ref: LoPAR 16 and 17."""
