"""Every option of the command line as data.

The tables here are the only place where an option is written: the parser (`cli.line`), `--help`
(`cli.help`) and docs/cli.md are stamped from them.
"""

from pathlib import Path

from jitppc import option_values as values
from jitppc import topology
from jitppc.device_options import DEVICE_OPTIONS
from jitppc.keyed_values import keyed
from jitppc.numa import NUMA_KEYS, OBJECT_KEYS
from jitppc.option import Option

RUN_OPTIONS = (
    # The machine, as QEMU spells it.
    Option(
        ("M", "machine"),
        "pseries[,KEY=VALUE]",
        "machine; a property that changes nothing is said",
        "machine",
        values.machine_properties,
        "machine",
    ),
    Option(
        ("cpu",),
        "MODEL",
        f"processor: {', '.join(values.CPUS)}",
        "cpu",
        values.cpu_model,
        "machine",
    ),
    Option(
        ("m",),
        "SIZE",
        "memory: 2G, 2048 (MiB), size=2G; a multiple of 256M",
        "memory",
        values.memory_size,
        "machine",
    ),
    Option(
        ("smp",),
        "N",
        "virtual processors: 4, or cpus=8,threads=4; sockets, cores and maxcpus as in QEMU",
        "smp",
        topology.parse,
        "machine",
    ),
    Option(
        ("numa",),
        "node|dist,KEY=VALUE",
        "NUMA nodes: -numa node,cpus=0-1,memdev=m0 -numa dist,src=0,dst=1,val=40",
        "numa",
        keyed(NUMA_KEYS, "type"),
        "machine",
        repeats=True,
        keys="numa",
    ),
    Option(
        ("object",),
        "memory-backend-ram,id=ID,size=SIZE",
        "memory for a NUMA node",
        "objects",
        keyed(OBJECT_KEYS, "qom-type", needs=("qom-type", "id")),
        "machine",
        repeats=True,
        keys="object",
    ),
    Option(("name",), "TEXT", "a name, shown in the banner", "name", group="machine"),
    # What the guest runs.
    Option(("kernel",), "FILE", "Linux kernel: vmlinux or zImage.pseries", "kernel", Path, "guest"),
    Option(("initrd",), "FILE", "initial RAM disk", "initrd", Path, "guest"),
    Option(("append",), "TEXT", "kernel command line", "append", group="guest", free_text=True),
    Option(
        ("bios",),
        "FILE",
        "firmware that runs in the guest, such as slof.bin (otherwise Open Firmware is built in)",
        "firmware",
        Path,
        "guest",
    ),
    *DEVICE_OPTIONS,
    # How it runs, and when it ends.
    Option(("no-reboot",), "", "end when the guest reboots", "no_reboot"),
    Option(
        ("until",),
        "REGEX",
        "end with status 0 when the console output matches",
        "until",
        values.regular_expression,
        free_text=True,
    ),
    Option(
        ("timeout",),
        "SECONDS",
        "end with status 124 when the guest has run so long",
        "timeout",
        values.seconds,
    ),
    Option(
        ("clock",),
        "|".join(values.CLOCKS),
        "time base from the host's clock, or from executed instructions "
        "(repeats with -strategy interp)",
        "clock",
        values.one_of(*values.CLOCKS),
    ),
    Option(
        ("rtc",),
        "base=utc|localtime|DATE,clock=host|rt|vm",
        "real-time clock: when it starts, and what moves it on",
        "rtc",
        values.rtc,
    ),
    Option(("stats",), "FILE", "write statistics of the run as JSON", "stats", Path),
    Option(("v", "verbose"), "", "say more on standard error", "verbose"),
    # Translation.
    Option(
        ("strategy",),
        "NAME",
        f"how guest code is executed: {', '.join(values.STRATEGIES)}",
        "strategy",
        values.one_of(*values.STRATEGIES),
        "translation",
    ),
    Option(
        ("lockstep",),
        "A,B",
        "run two strategies side by side and stop at the first difference",
        "lockstep",
        values.lockstep_pair,
        "translation",
    ),
    Option(
        ("no-code-cache",),
        "",
        "neither read nor write translated code on disk",
        "no_code_cache",
        group="translation",
    ),
    Option(
        ("perfmap",),
        "",
        "write /tmp/perf-PID.map, so that `perf report` names guest functions",
        "perfmap",
        group="translation",
    ),
    Option(
        ("jitdump",),
        "",
        "write jit-PID.dump for `perf inject --jit` (record with `perf record -k mono`)",
        "jitdump",
        group="translation",
    ),
    Option(
        ("symbols",),
        "FILE",
        "guest symbols for these: ELF or System.map (otherwise the kernel's own)",
        "symbols",
        Path,
        "translation",
    ),
    Option(
        ("accel",),
        "tcg",
        "accepted and without effect: jitppc translates by itself",
        "accel",
        values.accelerator,
        "translation",
    ),
)

DIS_OPTIONS = (
    Option(
        ("start",), "ADDRESS", "first address (hexadecimal)", "start", values.address, "general"
    ),
    Option(("count",), "N", "how many instructions", "count", values.count, "general"),
    Option(
        ("raw",),
        "little|big",
        "FILE is bare code of this byte order, not ELF",
        "raw",
        values.one_of("little", "big"),
        "general",
    ),
)

ISA_OPTIONS = (
    Option(("level",), "LEVEL", "only what this level brought, as 2.07 or 3.1", "level"),
    Option(
        ("state",),
        "implemented|refused|missing",
        "only what is in this state",
        "state",
        values.one_of("implemented", "refused", "missing"),
    ),
    Option(("unjudged",), "", "only what has a row that nobody has judged", "unjudged"),
    Option(("json",), "", "as JSON", "json"),
    Option(
        ("judge",),
        "N",
        "judge every row by N cases of each reference that is installed, and write the ledger",
        "judge",
        values.count,
    ),
    Option(("ledger",), "FILE", "another ledger than the package's own", "ledger"),
)

EXPLAIN_OPTIONS = (
    Option(
        ("stages",),
        "A,B,...",
        f"which columns: {','.join(values.STAGES)} (all)",
        "stages",
        values.some_of(*values.STAGES),
    ),
    Option(("html",), "FILE", "write one self-contained page instead of text", "html", Path),
    Option(
        ("strategy",),
        "NAME",
        "whose regions (regions)",
        "strategy",
        values.one_of(*values.STRATEGIES),
    ),
)

BENCH_OPTIONS = (
    Option(
        ("strategies",),
        "A,B,...",
        "of jitppc; see -list (interp,cold,regions)",
        "strategies",
        values.words,
    ),
    Option(("peers",), "A,B", "qemu, native", "peers", values.words),
    Option(("repeat",), "N", "how often everything is measured (1)", "repeat", values.count),
    Option(
        ("runs",),
        "N",
        "runs in one process, the first of them cold (4)",
        "runs",
        values.count,
    ),
    Option(("limit",), "SECONDS", "for all runs of a workload (60)", "limit", values.whole_seconds),
    Option(
        ("time",),
        "wall|cpu",
        "compare by the clock, or by CPU time (on a busy host)",
        "time",
        values.one_of("wall", "cpu"),
    ),
    Option(
        ("strategy-file",),
        "FILE,...",
        "Python files that add strategies",
        "strategy_files",
        values.paths,
    ),
    Option(
        ("workload-file",), "FILE,...", "C files with workloads", "workload_files", values.paths
    ),
    Option(
        ("scheduler",),
        "ADDRESS",
        "spread the matrix over a Dask cluster: tcp://HOST:PORT, or local:N for N processes here",
        "scheduler",
    ),
    Option(("out",), "NAME", "write NAME.jsonl and NAME.html", "out", Path),
    Option(("no-report",), "", "no HTML report", "no_report"),
    Option(("profile",), "", "say also where the time went, by workload", "profile"),
    Option(
        ("reread",),
        "FILE,...",
        "measure nothing: table and report of files written before",
        "reread",
        values.paths,
    ),
    Option(("list",), "", "name suites, workloads, strategies and peers", "list"),
)

# Options of QEMU that a pasted line may hold and that jitppc cannot honour yet.
NOT_YET = frozenset(
    """
    action add-fd audio audiodev chroot compat D d daemonize debugcon dfilter dtb
    dump-vmstate echr enable-kvm fda fdb full-screen fw_cfg g gdb icount incoming iscsi k
    L loadvm mem-path mem-prealloc mon msg mtdblock no-shutdown no-user-config
    only-migratable option-rom overcommit pflash pidfile plugin preconfig qmp qmp-pretty
    readconfig run-with runas S s sandbox sd seed set singlestep spice tpmdev trace usb
    usbdevice uuid vnc watchdog-action
    """.split()
)

# What to say instead of "not yet" where there is something to say.
INSTEAD = {
    "icount": "use -clock insns",
    "enable-kvm": "jitppc is a translator; it does not use KVM",
}
