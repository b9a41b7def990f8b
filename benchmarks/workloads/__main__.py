"""`python -m benchmarks.workloads --only fib,mix --strategies regions --peers qemu,native`."""

import argparse
import statistics
import sys

from jitppc import strategies
from jitppc.bench import workloads
from jitppc.bench.engines import Engine, Facts, Jitppc, Job, Native, Qemu
from jitppc.bench.lines import End, Run
from jitppc.errors import UserError


def main() -> int:
    options = _options()
    known = {name: row for name, row in workloads.find().items() if row.source}
    names = options.only.split(",") if options.only else list(known)
    try:
        job = Job({name: known[name] for name in names}, options.runs)
    except KeyError as error:
        raise UserError(f"no workload {error}; there are {', '.join(known)}") from None
    engines: list[Engine] = [Jitppc(strategies.find(name)) for name in _words(options.strategies)]
    peers = {"qemu": Qemu, "native": Native}
    engines += [peers[name]() for name in _words(options.peers)]
    print(f"{'seconds, first run / median of later runs':45}", end="\n")
    print(" ".join([f"{'':10}", *(f"{engine.name:>17}" for engine in engines)]))
    seconds: dict[tuple[str, str], list[float]] = {}
    sums: dict[str, set[str]] = {}
    for engine in engines:
        for event in engine.run(job):
            if isinstance(event, Run):
                seconds.setdefault((event.name, engine.name), []).append(event.seconds)
                sums.setdefault(event.name, set()).add(event.checksum)
            elif isinstance(event, End) and event.status:
                print(f"\n{engine.name}: {event.name} ended with {event.status}", file=sys.stderr)
            elif isinstance(event, Facts) and event.problem:
                print(f"\n{engine.name}: {event.problem}", file=sys.stderr)
    for name in names:
        cells = [_cell(seconds.get((name, engine.name), [])) for engine in engines]
        wrong = "" if len(sums.get(name, ())) < 2 else "  CHECKSUMS DIFFER"
        print(" ".join([f"{name:10}", *(f"{cell:>17}" for cell in cells)]) + wrong)
    return 0 if all(len(found) == 1 for found in sums.values()) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.workloads", description=__doc__)
    parser.add_argument("--only", default="", help="workloads, with commas between")
    parser.add_argument("--strategies", default="regions", help="of jitppc (regions); '' for none")
    parser.add_argument("--peers", default="", help="qemu, native")
    parser.add_argument("--runs", type=int, default=4, help="runs in one process (4)")
    return parser.parse_args()


def _words(text: str) -> list[str]:
    return [word for word in text.split(",") if word]


def _cell(seconds: list[float]) -> str:
    if not seconds:
        return "–"
    later = statistics.median(seconds[1:]) if seconds[1:] else seconds[0]
    return f"{seconds[0]:.4f} / {later:.4f}"


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (UserError, ValueError) as error:
        sys.exit(f"{error}")
