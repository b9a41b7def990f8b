"""Compares boots of the Debian installer: jitppc cold, jitppc warm, QEMU; interleaved."""

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jitppc.bench.watch import MILESTONES, watch
from jitppc.host import installer

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks/results/boot.jsonl"

# The machine without the warnings about mitigations that TCG lacks.
QEMU_MACHINE = "pseries,cap-cfpc=broken,cap-sbbc=broken,cap-ibs=broken,cap-ccf-assist=off"
GUEST = ("-m", "2G", "-nographic", "-append", "console=hvc0")


@dataclass(frozen=True, slots=True)
class Row:
    """One machine, of both programs."""

    cpu: str
    smp: int = 1
    has_slof: bool = False


ROWS = {
    "POWER8 hash": Row("power8"),
    "POWER9 radix": Row("power9"),
    "POWER10 XIVE": Row("power10"),
    "POWER9 -smp 2": Row("power9", smp=2),
    "POWER9 SLOF": Row("power9", has_slof=True),
}
"""The machines of `--machines`; XIVE is what both choose from POWER9 on."""


def main(words: Sequence[str] | None = None) -> int:
    options = _options(words)
    files = installer.fetch(lambda what, fraction: None)
    kinds = _kinds(options)
    rows = ROWS if options.machines else {options.cpu: _row(options)}
    records = []
    with tempfile.TemporaryDirectory(prefix="jitppc-benchmark-") as scratch:
        warm = Path(scratch) / "warm"
        if "jitppc warm" in kinds:
            print("filling the warm cache ...", file=sys.stderr, flush=True)
            for row in rows.values():
                _boot("jitppc warm", row, files, warm, options)
        for repeat in range(options.n):
            for name, kind in _each(rows, kinds):
                cache = warm
                if kind == "jitppc cold":
                    cache = Path(scratch) / f"cold-{repeat}"
                found = _boot(kind, rows[name], files, cache, options)
                record = {"repeat": repeat, "machine": name, **found, **_stamp()}
                if kind == "jitppc cold":
                    shutil.rmtree(cache, ignore_errors=True)
                records.append(record)
                _append(record, options.out)
                print(_line(record), file=sys.stderr, flush=True)
    print(table(records))
    return 0 if all(options.last in record["seconds"] for record in records) else 1


def _options(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.boot", description=__doc__)
    parser.add_argument("-n", type=int, default=3, help="repeats of each (3)")
    parser.add_argument("--only", choices=["jitppc", "qemu"], help="leave the other out")
    parser.add_argument("--cold", action="store_true", help="of jitppc, only with empty cache")
    parser.add_argument("--warm", action="store_true", help="of jitppc, only with filled cache")
    parser.add_argument("--last", choices=list(MILESTONES), default="language", help="where to end")
    parser.add_argument("--timeout", type=float, default=600, help="seconds for one boot (600)")
    parser.add_argument("--strategy", default="regions", help="of jitppc (regions)")
    parser.add_argument("--cpu", default="power9", help="processor of both (power9)")
    parser.add_argument("--smp", type=int, default=1, help="processors of both (1)")
    parser.add_argument("--slof", action="store_true", help="both start by SLOF")
    parser.add_argument(
        "--machines", action="store_true", help=f"each of these: {', '.join(ROWS)}"
    )
    parser.add_argument("--out", type=Path, default=RESULTS, help="JSON lines are added here")
    return parser.parse_args(words)


def _row(options: argparse.Namespace) -> Row:
    return Row(options.cpu, options.smp, options.slof)


def _each(rows: dict[str, Row], kinds: list[str]) -> Iterator[tuple[str, str]]:
    """Each machine by its name with all kinds in turn: the host's drift meets them alike."""
    return ((name, kind) for name in rows for kind in kinds)


def _kinds(options: argparse.Namespace) -> list[str]:
    kinds = []
    if options.only != "qemu":
        kinds += [] if options.warm else ["jitppc cold"]
        kinds += [] if options.cold else ["jitppc warm"]
    if options.only != "jitppc":
        if shutil.which("qemu-system-ppc64"):
            kinds.append("qemu")
        else:
            print("qemu-system-ppc64 is not installed: left out", file=sys.stderr)
    return kinds


def _boot(
    kind: str, row: Row, files: installer.Installer, cache: Path, options: argparse.Namespace
) -> dict[str, Any]:
    """One boot: what was measured from outside, and what the program says of itself."""
    guest = ["-kernel", str(files.kernel), "-initrd", str(files.initrd), *GUEST]
    guest += ["-cpu", row.cpu, "-smp", str(row.smp)]
    with tempfile.TemporaryDirectory(prefix="jitppc-stats-") as scratch:
        path = Path(scratch) / "stats.json"
        if kind == "qemu":
            machine = f"{QEMU_MACHINE},x-vof={'off' if row.has_slof else 'on'}"
            command = ["qemu-system-ppc64", "-M", machine, *guest, "-vga", "none", "-nic", "none"]
        else:
            command = [sys.executable, "-m", "jitppc", "run", *guest, "-stats", str(path)]
            command += ["-bios", "slof.bin"] if row.has_slof else []
            command += ["-strategy", options.strategy]
        environment = os.environ | {"XDG_CACHE_HOME": str(cache), "PYTHONPATH": str(ROOT)}
        boot = watch(command, environment, options.timeout, options.last)
        stats = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    record: dict[str, Any] = {
        "kind": kind,
        "cpu": row.cpu,
        "processors": row.smp,
        "firmware": "slof" if row.has_slof else "own",
        "seconds": {name: round(value, 3) for name, value in boot.seconds.items()},
        "peak_mib": round(boot.peak_bytes / (1 << 20)),
        "statistics": stats,
    }
    if options.last not in boot.seconds:
        record["tail"] = boot.tail.decode("utf-8", "replace")
    return record


def _stamp() -> dict[str, Any]:
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    model = "unknown"
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    return {
        "at": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "commit": commit.stdout.strip(),
        "host": {"cpu": model, "cores": os.cpu_count(), "python": platform.python_version()},
    }


def _append(record: dict[str, Any], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")


def _line(record: dict[str, Any]) -> str:
    times = ", ".join(f"{name} {value:.1f} s" for name, value in record["seconds"].items())
    who = f"{record['machine']}, {record['kind']}"
    return f"{who}: {times or 'nothing reached'}, {record['peak_mib']} MiB"


def table(records: Sequence[dict[str, Any]]) -> str:
    """Medians by machine and kind, as a Markdown table."""
    milestones = (f"`{text.decode()}` (s)" for text in MILESTONES.values())
    heads = ["machine", "", *milestones, "peak (MiB)"]
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for machine, kind in dict.fromkeys((r["machine"], r["kind"]) for r in records):
        mine = [r for r in records if (r["machine"], r["kind"]) == (machine, kind)]
        cells = [machine, kind]
        for name in MILESTONES:
            reached = [r["seconds"][name] for r in mine if name in r["seconds"]]
            cells.append(f"{statistics.median(reached):.1f}" if reached else "–")
        cells.append(f"{statistics.median(r['peak_mib'] for r in mine):.0f}")
        lines.append("| " + " | ".join(cells) + " |")
    lines += _statistics(records)
    return "\n".join(lines)


def _statistics(records: Sequence[dict[str, Any]]) -> list[str]:
    """What jitppc says of itself, from the last run of each kind."""
    lines = []
    for machine, kind in dict.fromkeys((r["machine"], r["kind"]) for r in records):
        last = [r for r in records if (r["machine"], r["kind"]) == (machine, kind)][-1]
        if last["statistics"]:
            shown = derived(last["statistics"]) | last["statistics"]
            lines += ["", f"{machine}, {kind}, last run:"]
            lines += [f"  {name}: {value}" for name, value in shown.items()]
    return lines


def derived(statistics: dict[str, Any]) -> dict[str, str]:
    """Speed and the share of each tier, from what `jitppc run -stats` counts."""
    count = statistics.get("instructions", 0)
    seconds = statistics.get("run_seconds", 0)
    if not count or not seconds:
        return {}
    in_regions = statistics.get("region_instructions", 0) / count
    return {
        "million instructions per second": f"{count / seconds / 1e6:.0f}",
        "share of regions (tier 1)": f"{in_regions:.1%}",
        "share of the interpreter (tier 0)": f"{1 - in_regions:.1%}",
        "share of time in Python": f"{statistics.get('python_seconds', 0) / seconds:.1%}",
    }


if __name__ == "__main__":
    sys.exit(main())
