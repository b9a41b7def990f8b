"""A cable that leads nowhere."""

from collections.abc import Callable


class NoNet:
    """A NetBackend whose link is down."""

    def start(self, receive: Callable[[bytes], None], link: Callable[[bool], None]) -> None:
        link(False)

    def send(self, frame: bytes | memoryview) -> None: ...

    def close(self) -> None: ...
