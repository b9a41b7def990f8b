"""docs/images/installer.svg: the console after a real boot of the Debian installer.

python docs/images/installer.py              boot it, and draw what the console shows
python docs/images/installer.py FILE         draw console output that was captured before

Needs pyte, a terminal in Python, which jitppc itself does not use: pip install pyte
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from xml.sax.saxutils import escape

import pyte

PICTURE = Path(__file__).with_suffix(".svg")
COLUMNS, LINES = 80, 24
WIDTH, HEIGHT = 9, 19
BASELINE = 14
SETTLE_SECONDS = 8

#: the sixteen colours of a text console
COLOURS = {
    "black": "#000000", "red": "#aa0000", "green": "#00aa00", "brown": "#aa5500",
    "blue": "#0000aa", "magenta": "#aa00aa", "cyan": "#00aaaa", "white": "#aaaaaa",
}  # fmt: skip
BRIGHT = {"black": "#555555", "white": "#ffffff", "brown": "#ffff55", "blue": "#5555ff"}

#: line-drawing characters: which of left, right, up, down their strokes go to
STROKES = {
    "─": "lr", "│": "ud", "┌": "rd", "┐": "ld", "└": "ru", "┘": "lu",
    "├": "rud", "┤": "lud", "┬": "lrd", "┴": "lru", "┼": "lrud",
}  # fmt: skip
BLOCKS = {"█": 1.0, "▒": 0.5, "░": 0.25}


def boot() -> bytes:
    """What the guest has written when its language screen stands."""
    from jitppc import Machine
    from jitppc.host import installer

    files = installer.fetch()
    with Machine(files.kernel, files.initrd, append="console=hvc0") as machine:
        stop = machine.run(until="Select a language", timeout=600)
        if stop.reason != "until":
            raise SystemExit(f"the installer did not get there: {stop}")
        machine.run(timeout=SETTLE_SECONDS)
        return machine.console_output


def show(output: bytes) -> pyte.Screen:
    """A terminal that has received the output."""
    screen = pyte.Screen(COLUMNS, LINES)
    stream = pyte.Stream(screen)
    stream.use_utf8 = False  # heed the escape sequences that choose the line-drawing set
    stream.feed(output.decode("latin-1").replace("\0", ""))
    return screen


def colours(cell: pyte.screens.Char) -> tuple[str, str]:
    """Foreground and background."""
    front = "white" if cell.fg == "default" else cell.fg
    back = "black" if cell.bg == "default" else cell.bg
    if cell.reverse:
        front, back = back, front
    bright = BRIGHT.get(front) if cell.bold else None
    return bright or COLOURS[front], COLOURS[back]


def draw_line(y: int, cells: list[pyte.screens.Char]) -> Iterator[str]:
    """Backgrounds, then strokes and text, each run of one style as one element."""
    placed = [(x, cell.data, *colours(cell)) for x, cell in enumerate(cells)]
    for back, group in groupby(placed, key=lambda item: item[3]):
        run = list(group)
        if back != COLOURS["black"]:
            yield (
                f'<rect x="{run[0][0] * WIDTH}" y="{y * HEIGHT}" width="{len(run) * WIDTH}"'
                f' height="{HEIGHT}" fill="{back}"/>'
            )
    for (front, is_drawn), group in groupby(
        placed, key=lambda item: (item[2], item[1] in STROKES or item[1] in BLOCKS)
    ):
        run = list(group)
        if is_drawn:
            yield from (draw_shape(x, y, text, front) for x, text, _, _ in run)
        else:
            yield from draw_text(y, run, front)


def draw_text(y: int, run: list[tuple[int, str, str, str]], front: str) -> Iterator[str]:
    """Words of one style; spaces at either end are not drawn."""
    text = "".join(item[1] for item in run)
    if not text.strip():
        return
    start = run[0][0] + len(text) - len(text.lstrip())
    text = text.strip()
    yield (
        f'<text x="{start * WIDTH}" y="{y * HEIGHT + BASELINE}" fill="{front}"'
        f' textLength="{len(text) * WIDTH}" xml:space="preserve">{escape(text)}</text>'
    )


def draw_shape(x: int, y: int, text: str, front: str) -> str:
    """A line-drawing character, to the edges of its cell so that lines join."""
    left, top = x * WIDTH, y * HEIGHT
    if text in BLOCKS:
        where = f'x="{left}" y="{top}" width="{WIDTH}" height="{HEIGHT}"'
        return f'<rect {where} fill="{front}" fill-opacity="{BLOCKS[text]}"/>'
    middle, centre = left + WIDTH / 2, top + HEIGHT / 2
    ends = {"l": f"H{left}", "r": f"H{left + WIDTH}", "u": f"V{top}", "d": f"V{top + HEIGHT}"}
    path = "".join(f"M{middle} {centre}{ends[side]}" for side in STROKES[text])
    return f'<path d="{path}" stroke="{front}"/>'


def svg(screen: pyte.Screen) -> str:
    """The screen as a picture."""
    width, height = COLUMNS * WIDTH, LINES * HEIGHT
    body = []
    for y in range(LINES):
        body += draw_line(y, [screen.buffer[y][x] for x in range(COLUMNS)])
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"'
        f' viewBox="0 0 {width} {height}" font-family="DejaVu Sans Mono, Menlo, Consolas,'
        ' monospace" font-size="14.5" shape-rendering="crispEdges" stroke-width="1">'
    )
    ground = '<rect width="100%" height="100%" fill="#000000"/>'
    return "\n".join([head, ground, *body, "</svg>\n"])


def main() -> None:
    """Draw the picture, and print the screen."""
    output = Path(sys.argv[1]).read_bytes() if len(sys.argv) > 1 else boot()
    screen = show(output)
    PICTURE.write_text(svg(screen), encoding="utf-8")
    print("\n".join(screen.display))
    print(f"drawn in {PICTURE}")


if __name__ == "__main__":
    main()
