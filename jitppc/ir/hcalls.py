"""Hypercalls by number and name, and what they answer.

Native code answers some of them (`runtime/native/hypercalls.py`), Python the others
(`spapr/hcall/`). Ref: LoPAR 14.5.1 (hypervisor call functions; table of return codes); reference
§2. From 0xF000 on they are the platform's own.
"""

from enum import IntEnum


class Hcall(IntEnum):
    """What is in R3 when `sc 1` is executed."""

    H_REMOVE = 0x4
    H_ENTER = 0x8
    H_READ = 0xC
    H_CLEAR_MOD = 0x10
    H_CLEAR_REF = 0x14
    H_PROTECT = 0x18
    H_GET_TCE = 0x1C
    H_PUT_TCE = 0x20
    H_SET_SPRG0 = 0x24
    H_SET_DABR = 0x28
    H_PAGE_INIT = 0x2C
    H_LOGICAL_CI_LOAD = 0x3C
    H_LOGICAL_CI_STORE = 0x40
    H_LOGICAL_CACHE_LOAD = 0x44
    H_LOGICAL_CACHE_STORE = 0x48
    H_LOGICAL_ICBI = 0x4C
    H_LOGICAL_DCBF = 0x50
    H_GET_TERM_CHAR = 0x54
    H_PUT_TERM_CHAR = 0x58
    H_EOI = 0x64
    H_CPPR = 0x68
    H_IPI = 0x6C
    H_IPOLL = 0x70
    H_XIRR = 0x74
    H_REGISTER_VPA = 0xDC
    H_CEDE = 0xE0
    H_CONFER = 0xE4
    H_PROD = 0xE8
    H_REG_CRQ = 0xFC
    H_FREE_CRQ = 0x100
    H_VIO_SIGNAL = 0x104
    H_SEND_CRQ = 0x108
    H_REGISTER_LOGICAL_LAN = 0x114
    H_FREE_LOGICAL_LAN = 0x118
    H_ADD_LOGICAL_LAN_BUFFER = 0x11C
    H_SEND_LOGICAL_LAN = 0x120
    H_BULK_REMOVE = 0x124
    H_MULTICAST_CTRL = 0x130
    H_SET_XDABR = 0x134
    H_STUFF_TCE = 0x138
    H_PUT_TCE_INDIRECT = 0x13C
    H_CHANGE_LOGICAL_LAN_MAC = 0x14C
    H_GET_CPU_CHARACTERISTICS = 0x1C8
    H_FREE_LOGICAL_LAN_BUFFER = 0x1D4
    H_ILLAN_ATTRIBUTES = 0x244
    H_JOIN = 0x298
    H_ENABLE_CRQ = 0x2B0
    H_HOME_NODE_ASSOCIATIVITY = 0x2EC
    H_XIRR_X = 0x2FC
    H_RANDOM = 0x300
    H_SET_MODE = 0x31C
    H_RESIZE_HPT_PREPARE = 0x36C
    H_RESIZE_HPT_COMMIT = 0x370
    H_REGISTER_PROC_TBL = 0x37C
    H_SIGNAL_SYS_RESET = 0x380
    H_INT_GET_SOURCE_INFO = 0x3A8
    H_INT_SET_SOURCE_CONFIG = 0x3AC
    H_INT_GET_SOURCE_CONFIG = 0x3B0
    H_INT_GET_QUEUE_INFO = 0x3B4
    H_INT_SET_QUEUE_CONFIG = 0x3B8
    H_INT_GET_QUEUE_CONFIG = 0x3BC
    H_INT_SET_OS_REPORTING_LINE = 0x3C0
    H_INT_GET_OS_REPORTING_LINE = 0x3C4
    H_INT_ESB = 0x3C8
    H_INT_SYNC = 0x3CC
    H_INT_RESET = 0x3D0
    H_WATCHDOG = 0x45C
    H_RTAS = 0xF000
    H_LOGICAL_MEMOP = 0xF001
    H_CAS = 0xF002
    H_UPDATE_DT = 0xF003
    H_PROM = 0xF005


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
