"""Where the guest's random numbers come from."""

import os
import random


class HostEntropy:
    """Random numbers of the host."""

    def random_bytes(self, n: int) -> bytes:
        return os.urandom(n)


class RepeatableEntropy:
    """The same numbers in every run, for runs that are to be repeated. No secret at all."""

    def __init__(self) -> None:
        self._random = random.Random(0)

    def random_bytes(self, n: int) -> bytes:
        return self._random.randbytes(n)
