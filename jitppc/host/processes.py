"""Processes that are started for us alone."""

#: Before a command: when the thread that started it is gone, also by a signal that nobody can
#: catch, the kernel kills the process. A program of util-linux, which is essential to Debian.
ENDS_WITH_US = ("setpriv", "--pdeathsig", "KILL")
