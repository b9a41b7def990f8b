"""Return codes of hypercalls. Ref: LoPAR 14.5.1, table of hypervisor call return codes."""

from enum import IntEnum


class H(IntEnum):
    """What a hypercall leaves in R3."""

    SUCCESS = 0
    BUSY = 1
    CLOSED = 2
    NOT_AVAILABLE = 3
    CONSTRAINED = 4
    PARTIAL = 5
    IN_PROGRESS = 14
    CONTINUE = 18
    HARDWARE = -1
    FUNCTION = -2
    PRIVILEGE = -3
    PARAMETER = -4
    BAD_MODE = -5
    PTEG_FULL = -6
    NOT_FOUND = -7
    RESERVED_DABR = -8
    NO_MEM = -9
    AUTHORITY = -10
    PERMISSION = -11
    DROPPED = -12
    SOURCE_PARM = -13
    DEST_PARM = -14
    RESOURCE = -16
    P2 = -55
    P3 = -56
    P4 = -57
    P5 = -58
    P6 = -59
    P7 = -60
    P8 = -61
    P9 = -62
    NOOP = -63
    UNSUPPORTED = -67
    OVERLAP = -68
    STATE = -75
    UNSUPPORTED_FLAG = -256
    MULTI_THREADS_ACTIVE = -9005
