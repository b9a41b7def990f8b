"""The error tree. A guest-visible condition is a value, never one of these (see docs/design.md).

`UserError` is the only one that the command line turns into one line and exit status 2; everything
else is a fault of jitppc and keeps its traceback.
"""


class JitppcError(Exception):
    """Base of all errors raised by jitppc itself."""


class UserError(JitppcError):
    """What the user gave cannot be used; the message is one line that names it and the way out."""

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))


class OptionError(UserError):
    """An unknown or malformed option, machine property or value."""


class KernelError(UserError):
    """The kernel or the initrd cannot be booted: missing, truncated, foreign, too large."""


class PackageError(UserError):
    """The machine's package client cannot give what was asked of it."""


class ReferenceFailure(UserError):
    """A reference of the fuzzer cannot be used, or cannot go on."""


class InternalError(JitppcError):
    """Jitppc is wrong: an invariant of translation or of the machine does not hold."""
