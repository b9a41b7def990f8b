"""The report is one file that a browser draws without asking anybody for anything."""

import html
import re
import struct
import zlib

import pytest
from browser import Browser
from fake_engines import guest_record, run_record

from jitppc.bench.charts import charts
from jitppc.bench.report import report
from jitppc.bench.summary import summarise

NAMES = {"fib": "integer", "chase": "memory", "matmul": "float", "fork": "kernel"}
SPEED = {"interp": 0.5, "regions": 4.0, "a-name<b>": 2.0, "qemu": 1.0, "native": 40.0}


def summary():
    records = [{"what": "host", "cpu": "A <CPU>", "cores": 2, "at": "2026-01-01T00:00:00+0000"}]
    for engine, speed in SPEED.items():
        for place, (name, group) in enumerate(NAMES.items()):
            for number in range(3):
                seconds = (1 + place) / speed * (1.5 if number == 0 else 1)
                records.append(run_record(engine, name, number, seconds, group=group))
    records += [guest_record(engine, list(NAMES)) for engine in SPEED if engine not in NATIVE]
    text = "the guest <ended> early"
    records.append({"what": "problem", "engine": "interp", "kind": "strategy", "repeat": 0,
                    "workload": "fork", "text": text})
    return summarise(records)


NATIVE = {"qemu", "native"}


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(report(summary()), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def browser(require_tool, tmp_path_factory):
    return Browser(require_tool("chromium"), tmp_path_factory.mktemp("browser"))


@pytest.fixture(scope="module")
def drawn(browser, page):
    return browser.page(page), browser.messages


def body(drawn):
    """What is to be seen, without scripts."""
    return drawn[0].rpartition("<h1>")[2].partition("<script>const")[0]


def test_every_plot_is_drawn(drawn):
    document, _ = drawn
    assert 'data-drawn="4"' in document
    assert "data-failed" not in document
    for number in range(4):
        plot = document.partition(f'id="chart{number}"')[2].partition('id="chart')[0]
        assert 10 < len(re.findall(r"<path|<rect|<line", plot)), f"plot {number} is empty"


def test_nothing_is_loaded_and_nothing_is_complained_about(page, drawn):
    _, messages = drawn
    assert [] == [line for line in messages.splitlines() if "CONSOLE" in line]
    without_scripts = re.sub(r"<script>.*?</script>", "", page.read_text(), flags=re.DOTALL)
    assert [] == re.findall(r"""(?:src|href)\s*=|@import|url\(""", without_scripts)


def test_what_the_table_says_is_what_was_measured(drawn):
    document = html.unescape(re.sub(r"<[^>]+>", " ", body(drawn)))
    words = document.split()
    at = words.index("chase")
    assert ["6.00", "4.00", "0.50×", "750m", "500m", "4.00×"] == words[at + 1 : at + 7]
    assert "interp, fork: the guest <ended> early" in document
    assert "A <CPU>, 2 cores" in document


def test_names_cannot_bring_markup(drawn):
    assert "a-name<b>" not in body(drawn)


def test_nothing_is_wider_than_the_page(browser, page):
    assert browser.measure(page, "document.body.scrollWidth <= innerWidth") is True


def test_the_picture_is_not_blank(browser, page):
    """Many colours: text, grid, and the marks of each engine."""
    assert 40 < len(colours(browser.picture(page).read_bytes()))


def test_charts_need_data():
    nothing = summarise([run_record("interp", "fib", 0, 1.0)])
    assert [] == [title for title, _, _ in charts(nothing)]


def colours(png: bytes) -> set[bytes]:
    """The distinct pixels of a PNG with 8 bits a channel, by its own description."""
    at, data, width, depth = 8, b"", 0, 4
    while at < len(png):
        size, kind = struct.unpack_from(">I4s", png, at)
        body = png[at + 8 : at + 8 + size]
        if kind == b"IHDR":
            width, _height, _bits, colour = struct.unpack_from(">IIBB", body)
            depth = {2: 3, 6: 4}[colour]
        data += body if kind == b"IDAT" else b""
        at += 12 + size
    raw, stride = zlib.decompress(data), width * depth
    found: set[bytes] = set()
    above = bytearray(stride)
    for start in range(0, len(raw), stride + 1):
        row = unfiltered(raw[start], bytearray(raw[start + 1 : start + 1 + stride]), above, depth)
        found.update(bytes(row[n : n + depth]) for n in range(0, stride, depth))
        above = row
    return found


def unfiltered(kind: int, row: bytearray, above: bytearray, depth: int) -> bytearray:
    for n in range(len(row)):
        left = row[n - depth] if n >= depth else 0
        corner = above[n - depth] if n >= depth else 0
        match kind:
            case 1:
                add = left
            case 2:
                add = above[n]
            case 3:
                add = (left + above[n]) // 2
            case 4:
                near = left + above[n] - corner
                add = min((left, above[n], corner), key=lambda one: abs(near - one))
            case _:
                add = 0
        row[n] = (row[n] + add) & 255
    return row
