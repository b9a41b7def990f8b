"""`python -m benchmarks.fuzz`."""

import sys

from benchmarks.fuzz.run import main

sys.exit(main())
