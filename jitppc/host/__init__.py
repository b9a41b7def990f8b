"""What the machine looks like from the host: terminal, packages, files."""
