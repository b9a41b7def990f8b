"""Processes that are started for us alone."""

import os
import shutil

_SETPRIV = shutil.which("setpriv") or shutil.which("setpriv", path=os.defpath)

#: Before a command: when the thread that started it is gone, also by a signal that nobody can
#: catch, the kernel kills the process. By a program of util-linux, which is essential to Debian;
#: nothing where there is none.
ENDS_WITH_US = () if _SETPRIV is None else (_SETPRIV, "--pdeathsig", "KILL")

#: of what helps a machine in the background, below it
NICENESS = 5
