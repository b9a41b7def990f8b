"""Segments: filled one after the other, emptied oldest first, never beyond their room."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitppc.backend.arena import Arena, ArenaFullError
from jitppc.backend.image import DISTANCE32, FIXUP, WORD64, Image, LoadError
from jitppc.backend.segments import Segments

ROOM, COUNT = 1 << 14, 4


def image(size: int, byte: int = 0xC3, align: int = 16) -> Image:
    return Image(align, bytes([byte]) * size, {"region": (0, size)}, (), np.zeros(0, FIXUP))


@pytest.fixture
def segments() -> Segments:
    return Segments(Arena(1 << 20), COUNT, ROOM)


def test_images_lie_where_they_are_said_to(segments):
    (first, _), (second, _) = segments.place([image(100, 1), image(50, 2, 64)])
    arena = segments.arena
    assert bytes([1]) * 100 == arena.bytes[first - arena.base :][:100].tobytes()
    assert bytes([2]) * 50 == arena.bytes[second - arena.base :][:50].tobytes()
    assert second >= first + 100
    assert (0, 0) == (first % 16, second % 64)
    assert segments.used >= 150


def test_what_stays_and_what_goes_share_the_arena(segments):
    arena = segments.arena
    stays = arena.load([image(1000)])[0]
    goes, _ = segments.place([image(1000)])[0]
    assert stays.start + stays.size <= arena.end <= goes
    with pytest.raises(ArenaFullError):
        arena.load([image(80 << 10)])


def test_the_oldest_is_emptied_and_filled_again(segments):
    half = image(ROOM // COUNT // 2 - 16)
    places = [segments.place([half])[0] for _ in range(2 * COUNT)]
    assert [places[n][1] for n in range(0, 2 * COUNT, 2)] == [places[n][1] for n in range(1, 8, 2)]
    assert segments.is_short
    with pytest.raises(ArenaFullError):
        segments.place([half])
    oldest = segments.oldest()
    assert oldest is places[0][1]
    with pytest.raises(ArenaFullError):
        segments.place([half])
    segments.release(oldest)
    assert places[0] == segments.place([half])[0]
    assert 1 == segments.evictions
    assert segments.oldest() is places[2][1]


@pytest.mark.parametrize("size", [ROOM // COUNT, ROOM])
def test_what_no_segment_holds_is_refused_for_good(segments, size):
    with pytest.raises(LoadError) as caught:
        segments.place([image(size)])
    assert not isinstance(caught.value, ArenaFullError)
    assert segments.place([image(100)])


@given(st.lists(st.integers(1, 3000), max_size=60))
def test_nothing_overlaps_and_nothing_is_outside(sizes):
    segments = Segments(Arena(1 << 20), COUNT, ROOM)
    low, high = segments.current.start, segments.current.start + ROOM
    alive: list[tuple[int, int, object]] = []
    for size in sizes:
        try:
            start, segment = segments.place([image(size)])[0]
        except ArenaFullError:
            oldest = segments.oldest()
            assert oldest is not None
            alive = [item for item in alive if item[2] is not oldest]
            segments.release(oldest)
            continue
        assert low <= start < start + size <= high
        assert all(start + size <= s or s + n <= start for s, n, _segment in alive)
        alive.append((start, size, segment))


def test_an_image_survives_its_bytes():
    fixups = np.array([(8, WORD64, 0, 3), (20, DISTANCE32, 1, -4)], FIXUP)
    symbols, local = {"region": (0, 30)}, {"inner": (30, 10)}
    one = Image(32, bytes(range(40)), symbols, ("side_exit",), fixups, local)
    other = Image.from_bytes(one.to_bytes())
    assert one.to_bytes() == other.to_bytes()
    assert (one.symbols, one.local_symbols, one.needs) == (
        other.symbols, other.local_symbols, other.needs)  # fmt: skip


@given(st.data())
def test_bytes_that_are_no_image_are_refused_or_stay_in_bounds(data):
    """Whatever is changed: placing it writes nowhere but into itself."""
    fixups = np.array([(8, WORD64, 0, 3), (20, DISTANCE32, 1, -4)], FIXUP)
    raw = bytearray(Image(16, bytes(40), {"region": (0, 40)}, ("memcpy",), fixups).to_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    arena = Arena(1 << 18)
    segments = Segments(arena, 2, 1 << 13)
    try:
        one = Image.from_bytes(bytes(raw))
        start, _ = segments.place([one])[0]
    except LoadError:
        return
    at = start - arena.base
    outside = arena.bytes.copy()
    outside[at : at + len(one.content)] = 0
    outside[: arena.next - arena.base] = 0  # stubs for the C library
    assert not outside.any()


@pytest.mark.parametrize(("kind", "last"), [(WORD64, 32), (DISTANCE32, 36)])
def test_a_fixup_ends_where_the_image_does(kind, last):
    for at in (last, last + 1):
        fixups = np.array([(at, kind, 0, 0)], FIXUP)
        raw = Image(16, bytes(40), {}, (), fixups).to_bytes()
        if at == last:
            assert at == Image.from_bytes(raw).fixups["at"][0]
        else:
            with pytest.raises(LoadError):
                Image.from_bytes(raw)


def test_bytes_cut_off_are_refused():
    raw = image(64).to_bytes()
    for keep in range(len(raw)):
        with pytest.raises(LoadError):
            Image.from_bytes(raw[:keep])
