"""Networks of the host: user networking through passt, TAP devices, sockets between machines."""
