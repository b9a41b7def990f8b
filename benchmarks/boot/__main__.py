"""`python -m benchmarks.boot`."""

import sys

from benchmarks.boot.run import main

sys.exit(main())
