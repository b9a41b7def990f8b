"""`python -m benchmarks.io`."""

import sys

from benchmarks.io.disks import main

sys.exit(main())
