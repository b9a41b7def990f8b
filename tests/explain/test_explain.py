"""`jitppc explain` shows what the code generator makes, all of it, where it belongs."""

from __future__ import annotations

import io
import re
import subprocess
from html.parser import HTMLParser

import capstone
import kernels
import pytest
from elftools.elf.elffile import ELFFile

from jitppc.backend.region import compile_region_text
from jitppc.cli import main
from jitppc.errors import UserError
from jitppc.explain.guest import guest_code, of_words
from jitppc.explain.stages import STAGES, explain
from jitppc.runtime.region_translation import translate_region
from jitppc.strategies import RegionOptions

SOURCE = """
long total(const long *p, long n)
{
    long sum = 0;
    for (long i = 0; i < n; i++)
        sum += p[i] > 5 ? p[i] : -1;
    return sum;
}
int main(void) { static long a[9]; return (int)total(a, 9); }
"""


@pytest.fixture(scope="session")
def programs(tmp_path_factory):
    """ELF files with the function `total`, and what GNU objdump says of its addresses: in
    little-endian order, and in big-endian order with function descriptors.
    """
    directory = tmp_path_factory.mktemp("explain")
    (directory / "a.c").write_text(SOURCE)
    found = {}
    for name, code in (("powerpc64le", "total"), ("powerpc64", ".total")):
        command = [f"{name}-linux-gnu-gcc", "-O1", "-fno-inline", "-static", "-mtraceback=no"]
        subprocess.run([*command, "-o", name, "a.c"], cwd=directory, check=True)
        listing = subprocess.run(
            [f"{name}-linux-gnu-objdump", "-d", f"--disassemble={code}", name],
            cwd=directory, check=True, capture_output=True, text=True,
        ).stdout
        _before, _name, listing = listing.partition(f"<{code}>:\n")
        function, _blank_line, _rest = listing.partition("\n\n")
        addresses = re.findall(r"^ *([0-9a-f]+):\t", function, re.MULTILINE)
        found[name] = directory / name, addresses
    return found


@pytest.fixture(scope="session")
def program(programs):
    return programs["powerpc64le"]


@pytest.mark.parametrize("name", ["powerpc64le", "powerpc64"])
def test_a_function_is_shown_whole(programs, name):
    path, addresses = programs[name]
    what = explain(guest_code([f"{path}:total"]), RegionOptions())
    shown = [line.partition(":")[0] for part in what.parts for line in part.lines["guest"]]
    assert shown == [a for a in addresses if a in shown]
    assert len(shown) >= len(addresses) - 2      # padding behind the return is never reached
    assert what.counts["guest"] == len(shown)
    assert all(what.counts[stage] for stage in STAGES)


def test_an_address_is_found_in_its_function(program):
    path, addresses = program
    code = guest_code([f"{path}:0x{addresses[4]}"])
    assert code.cia == int(addresses[4], 16)
    assert "in total" in code.title


def test_host_code_is_all_there_and_in_the_order_of_the_object(program):
    """Against the object that a worker would make."""
    code = guest_code([f"{program[0]}:total"])
    found = translate_region(code.pages, code.entry, RegionOptions())
    elf = ELFFile(io.BytesIO(compile_region_text(found.text, 1)))
    decoder = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)
    text = elf.get_section_by_name(".text").data()
    addresses = [i.address for i in decoder.disasm(text, 0) if not i.mnemonic.startswith("nop")]
    what = explain(code, RegionOptions())
    lines = [line for part in what.parts for line in part.lines["host"]]
    assert sorted(int(line.split()[0], 16) for line in lines) == addresses
    assert all(part.lines["host"] for part in what.parts[1:-1])     # each block has some


def test_ir_is_what_the_passes_make():
    what = explain(of_words([0x38600005, 0x38630001, kernels.BLR]), RegionOptions())
    assert any("add" in line for line in what.parts[1].lines["ir"])
    assert not any(" add " in line for line in what.parts[1].lines["optimised"])


def test_text_and_page_hold_all_stages(capsys, tmp_path):
    words = [f"{word:08x}" for word in kernels.KERNELS["bdnz loop with a load"]]
    assert main(["explain", *words]) == 0
    text = capsys.readouterr().out
    for sign in ("bc 16,0,0x10000", "get[gpr] 3", "load i64", "qword ptr [r12"):
        assert sign in text
    page = tmp_path / "page.html"
    assert main(["explain", *words, "-html", str(page), "-stages", "guest,host"]) == 0
    html = page.read_text(encoding="utf-8")

    class Reader(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.found, self.outside, self.heads = "", [], 0

        def handle_starttag(self, tag, attrs):
            self.heads += tag == "th"
            self.outside += [value for name, value in attrs if name in {"src", "href"}]

        def handle_data(self, data):
            self.found += data

    reader = Reader()
    reader.feed(html)
    assert reader.heads == 2
    assert not reader.outside
    assert "bc 16,0,0x10000" in reader.found
    assert "get[gpr]" not in reader.found


@pytest.mark.parametrize(("arguments", "says"), [
    ([], "explain what"),
    (["xyz"], "neither"),
    (["/nonexistent:main"], "No such file"),
    ([f"{__file__}:main"], "not a whole ELF file"),
    (["44000002"], "left to tier 0"),
    (["60000000", "-stages", "gest"], "did you mean guest"),
    (["60000000", "-html", "/nonexistent/x.html"], "No such file"),
    (["60000000", "-strategy", "interp"], "compiles nothing"),
])  # fmt: skip
def test_what_cannot_be_explained_is_said_in_one_line(arguments, says, capsys):
    assert main(["explain", *arguments]) == 2
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1


def test_the_nearest_function_is_named(program):
    with pytest.raises(UserError, match="did you mean total"):
        guest_code([f"{program[0]}:totl"])


def test_the_quality_of_code_is_as_recorded():
    """If a change is meant: python tests/explain/kernels.py --update, and look at the diff."""
    assert kernels.report() == kernels.PAGE.read_text(encoding="utf-8")
