"""Names of the native routines that `b.helper(name, ...)` may call.

The runtime room defines each one.
"""

ROUTINES = (
    "rfid", "rfscv", "mtmsrd", "mtmsr", "sc", "tlbie", "mtpid", "mtamr", "mtiamr", "mtdec",
    "msgsndp", "msgclrp", "spr_other", "unknown", "slbmte", "slbia", "slbie", "slbmfee",
    "slbmfev", "load_string", "store_string", "lxvl", "lxvll", "stxvl", "stxvll",
    "rfebb", "mtbescr", "mtpmu", "mfpmu", "slbfee", "tlbsync", "copy", "paste",
)
