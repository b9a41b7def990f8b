"""From guest code to a region's LLVM text: where front end and back end meet for tier 1."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from jitppc.backend.region import region_text
from jitppc.backend.region_graph import RegionBlock, successors
from jitppc.frontend.levels import DEFAULT_MODEL, MODELS
from jitppc.frontend.page import Page
from jitppc.frontend.regions import Region, form_region
from jitppc.ir.builder import PAGE_MODES
from jitppc.ir.layout import PageMode
from jitppc.ir.passes import constants_across, one_view_each, run_passes_of_regions
from jitppc.strategies import RegionOptions

from .region_file import page_contents, page_hash


@dataclass(frozen=True, slots=True)
class Translation:
    """A region, its blocks after the passes, and the module's text."""

    region: Region
    blocks: list[RegionBlock]
    text: str


def translate_region(
    pages: dict[int, tuple[bytes, bytes]],
    entry: int,
    options: RegionOptions,
    models: int = DEFAULT_MODEL.bit,
    targets: Mapping[int, int] = MappingProxyType({}),
    mode: int = PageMode.LE64,
) -> Translation | None:
    """The region of an entry, or None when there is nothing to translate.

    `pages` go by distance from the entry's page: 4096 bytes of code, and which words have run.
    `models` is the bit of the processor, or those of several: then every row is an instruction.
    `targets` are words with indirect jumps, and where those went last. `mode` is the pages'
    PageMode.
    """
    given = {n: Page(*page) for n, page in pages.items()}
    model = next((m for m in MODELS.values() if m.bit == models), None)
    region = form_region(
        given, entry, options.limit, PAGE_MODES[mode], single_block=options.single_blocks,
        model=model, targets=targets)
    if region is None:
        return None
    keep_dead = not options.flag_elimination
    done = [run_passes_of_regions(b.block, keep_dead=keep_dead) for b in region.blocks]
    blocks = [
        RegionBlock(b.index, b.count, block, b.ways)
        for b, block in zip(region.blocks, one_view_each(done), strict=True)
    ]
    if not keep_dead:
        _propagate(blocks)
    contents = {n: page_contents(page_hash(pages[n][0], models, mode)) for n in region.pages}
    text = region_text(
        entry, blocks, contents, chaining=options.chaining, keep_dead=keep_dead,
        windows=options.windows)
    return Translation(region, blocks, text)


def _propagate(blocks: list[RegionBlock]) -> None:
    """Let blocks know the constants that those before them leave in registers."""
    position = {block.index: n for n, block in enumerate(blocks)}
    ways = [[position[index] for index in successors(block, position)] for block in blocks]
    for block, done in zip(blocks, constants_across([b.block for b in blocks], ways), strict=True):
        block.block = done
