"""`python -m jitppc` is the `jitppc` command."""

import sys

from jitppc.cli import main

sys.exit(main())
