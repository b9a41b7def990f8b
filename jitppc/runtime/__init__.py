"""The running machine: guest memory, address translation, interrupts, the run loop, vCPUs."""
