"""Names of the native routines that `b.helper(name, ...)` may call; the runtime room defines each one."""

HELPERS = ("rfid", "rfscv", "mtmsrd", "mtmsr", "sc", "tlbie", "mtpid", "mtamr", "mtiamr", "mtdec", "msgsndp",
           "msgclrp", "spr_other", "unknown",
           "slbmte", "slbia", "slbie", "slbmfee", "slbmfev",
           "load_string", "store_string", "lxvl", "lxvll", "stxvl", "stxvll")
