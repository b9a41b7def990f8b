"""`python -m benchmarks.smp`."""

import sys

from benchmarks.smp.run import main

sys.exit(main())
