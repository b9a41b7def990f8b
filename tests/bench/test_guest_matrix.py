"""Real guests: all compute the same, what hangs or dies costs only itself, and facts come out."""

import json
import subprocess
import sys

import pytest

from jitppc.bench.sampling import CATEGORIES, REGIONS

LIMIT = 8
HEAD = '#include "workload.h"\n#include <sys/reboot.h>\n'
SOURCES = {
    "first": """WORKLOAD(first, "integer", "a loop that becomes hot")
{
    uint64_t state = 1, sum = 0;
    for (int i = 0; i < 16000000; i++)
        sum += next_random(&state) >> 60;
    return sum;
}""",
    "hangs": """WORKLOAD(hangs, "integer", "never ends")
{
    for (volatile int i = 0;; i++)
        ;
    return 0;
}""",
    "stops": """WORKLOAD(stops, "memory", "takes the guest with it")
{
    if (getppid() == 1)
        reboot(RB_POWER_OFF);
    return 1;
}""",
    "behind": """WORKLOAD(behind, "memory", "runs in another guest")
{
    return write(1, "words of its own\\n", 17);
}""",
}


@pytest.mark.slow
def test_a_matrix_with_a_workload_that_hangs_and_one_that_stops_the_guest(tmp_path, require_tool):
    from jitppc.host import packages

    require_tool("powerpc64le-linux-gnu-gcc")
    require_tool("qemu-system-ppc64")
    if not packages.available():
        pytest.skip("needs apt-get and dpkg-deb to fetch the guest's kernel")
    for name, text in SOURCES.items():
        (tmp_path / f"{name}.c").write_text(HEAD + text)
    command = [sys.executable, "-m", "jitppc", "bench", ",".join(SOURCES)]
    command += ["-workload-file", ",".join(f"{name}.c" for name in SOURCES)]
    command += ["-strategies", "units,cold", "-peers", "qemu,native", "-runs", "3"]
    command += ["-limit", str(LIMIT), "-out", "x"]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=500
    )
    assert 1 == done.returncode, done.stderr
    records = [json.loads(line) for line in (tmp_path / "x.jsonl").open()]

    found = {(r["engine"], r["workload"]): r["text"] for r in records if r["what"] == "problem"}
    slow = f"not done after {LIMIT} s (-limit)"
    guests = ("units", "cold", "qemu")
    expected = {(engine, "hangs") for engine in (*guests, "native")}
    assert expected | {(engine, "stops") for engine in guests} == set(found)
    assert all(slow == text for (_, name), text in found.items() if name == "hangs")
    assert all("ended early" in text for (_, name), text in found.items() if name == "stops")
    assert all(f"{engine}, stops: the guest ended" in done.stdout for engine in guests)

    for name in ("first", "behind"):
        sums = {(r["engine"], r["checksum"]) for r in records if r.get("workload") == name}
        assert {*guests, "native"} == {engine for engine, _ in sums}
        assert 1 == len({checksum for _, checksum in sums})
    assert (tmp_path / "x.html").stat().st_size > 500_000

    told = {r["engine"]: r for r in records if r["what"] == "guest" and "first" in r["workloads"]}
    assert {"units", "cold"} == set(told)
    for engine, guest in told.items():
        cost = guest["workload_costs"]["first"]
        assert set(cost["profile"]["kinds"]) <= set(CATEGORIES)
        runs = [r for r in records if r.get("workload") == "first" and r["engine"] == engine]
        assert sum(cost["profile"]["kinds"].values()) <= 1.3 * sum(r["seconds"] for r in runs)
        assert cost["instructions"] > 3 * 16_000_000
        assert (REGIONS in cost["profile"]["kinds"]) == (engine == "cold")
        seconds = [point["seconds"] for point in guest["timeline"]]
        assert sorted(seconds) == seconds
