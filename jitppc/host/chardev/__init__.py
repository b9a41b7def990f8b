"""The host's ends of serial lines: pseudo-terminals, sockets, files, nothing."""
