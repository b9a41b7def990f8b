"""Status words of RTAS calls. Ref: LoPAR 7.2.8 (return codes)."""

from enum import IntEnum


class Status(IntEnum):
    """The first result of an RTAS call."""

    SUCCESS = 0
    NO_ERRORS_FOUND = 1
    HARDWARE = -1
    BUSY = -2
    PARAMETER = -3
    NOT_AUTHORIZED = -9002
    NOT_CONFIGURABLE = -9003
