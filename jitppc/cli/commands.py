"""The table of subcommands."""

from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from typing import Any

from jitppc.cli.command import Command
from jitppc.cli.debian_options import DEBIAN_NOTES, DEBIAN_OPTIONS
from jitppc.cli.fuzz_options import FUZZ_NOTES, FUZZ_OPTIONS
from jitppc.option import Option
from jitppc.options import BENCH_OPTIONS, DIS_OPTIONS, EXPLAIN_OPTIONS, ISA_OPTIONS, RUN_OPTIONS

RUN_NOTES = """\
Exit status: 0 the guest powered off, --until matched, or Ctrl-A X; 1 the guest panicked;
2 something given cannot be used; 124 --timeout; 128+N signal N."""

# The kernel's built-in command line names consoles that a pseries guest does not have.
BOOT_APPEND = "console=hvc0"

BOOT_NOTES = f"""\
Kernel and initrd come from the Debian package debian-installer-12-netboot-ppc64el, through this
machine's apt-get, into the cache directory; no root is needed. All options of `jitppc run` but
-kernel and -initrd may follow; -append replaces the default `{BOOT_APPEND}`.

{RUN_NOTES}"""

DIS_NOTES = """\
Words are hexadecimal, as a debugger shows them: `jitppc dis 7c642a14 60000000`.
With -start the first word, or the first word of a raw file, has that address; in an ELF file it is
where to begin."""

EXPLAIN_NOTES = """\
The region that begins there is made as for a running guest in which all of the function has run.
FILE is ELF for ppc64le; words are hexadecimal, as for `jitppc dis`."""

BENCH_NOTES = """\
Suites: quick (the default), integer, memory, float, kernel, boot, programs (all but boots), all.
Each workload says its checksum, which must be the same everywhere. What fails is one line of the
table's end, and exit status 1; the rest goes on. More: docs/bench.md."""


CACHE_NOTES = """\
`verify` compares every entry with its digest, says what is damaged, belongs to somebody else or
can be written by others, and ends with status 1 if there is such a thing. `clear` removes
everything, or the parts named: packages, regions, tier0."""


def _not_for_boot(_text: str) -> str:
    raise ValueError("this command brings its own; for yours there is `jitppc run`")


def _boot_option(option: Option) -> Option:
    """The option as it is in `jitppc run`, but for what boot gives itself."""
    if option.dest in {"kernel", "initrd"}:
        return replace(option, parse=_not_for_boot, shown=False)
    return option


def _lazily(module: str, function: str) -> Callable[[dict[str, Any], list[str]], int]:
    """The function, imported on its first call: `--help` needs none of them."""

    def call(settings: dict[str, Any], arguments: list[str]) -> int:
        return getattr(import_module(f"jitppc.cli.{module}"), function)(settings, arguments)

    return call


COMMANDS = (
    Command(
        "boot",
        "Fetch the Debian 12 installer for ppc64el (once) and boot it.",
        _lazily("boot", "boot_command"),
        tuple(map(_boot_option, RUN_OPTIONS)),
        notes=BOOT_NOTES,
    ),
    Command(
        "debian",
        "Make a Debian system on a disk, and boot it.",
        _lazily("debian", "debian_command"),
        (*DEBIAN_OPTIONS, *map(_boot_option, RUN_OPTIONS)),
        notes=DEBIAN_NOTES + "\n\n" + RUN_NOTES,
    ),
    Command(
        "run",
        "Boot a pseries guest; options are spelled as in QEMU.",
        _lazily("run", "run_command"),
        RUN_OPTIONS,
        notes=RUN_NOTES,
    ),
    Command(
        "dis",
        "Disassemble a file or words.",
        _lazily("dis", "dis_command"),
        DIS_OPTIONS,
        "FILE|WORD...",
        DIS_NOTES,
    ),
    Command(
        "explain",
        "Show what becomes of guest code: IR, optimised IR, LLVM, host code.",
        _lazily("explain", "explain_command"),
        EXPLAIN_OPTIONS,
        "FILE:SYMBOL|FILE:0xADDRESS|WORD...",
        EXPLAIN_NOTES,
    ),
    Command(
        "bench",
        "Compare translation strategies, QEMU and this host on guest workloads.",
        _lazily("bench", "bench_command"),
        BENCH_OPTIONS,
        "[SUITE|WORKLOAD...]",
        BENCH_NOTES,
    ),
    Command(
        "fuzz",
        "Run random instructions on jitppc and on a reference, and find what differs.",
        _lazily("fuzz", "fuzz_command"),
        FUZZ_OPTIONS,
        "[replay FILE|export|record|recorder]",
        FUZZ_NOTES,
    ),
    Command(
        "isa",
        "List the instructions of the book: what jitppc has, and who has judged it.",
        _lazily("isa", "isa_command"),
        ISA_OPTIONS,
        "[MNEMONIC...]",
    ),
    Command(
        "prepare",
        "Compile the interpreter into the installation, so that no first start has to.",
        _lazily("prepare", "prepare_command"),
    ),
    Command(
        "doctor",
        "Print versions, CPU, cache and helper programs.",
        _lazily("doctor", "doctor_command"),
    ),
    Command(
        "cache",
        "Show, check or remove what jitppc keeps on disk.",
        _lazily("cache", "cache_command"),
        (),
        "info|verify|clear [PART...]",
        CACHE_NOTES,
    ),
)
