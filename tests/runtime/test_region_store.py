"""The region store: what is kept is what was given, whatever happens to its files."""

from __future__ import annotations

import errno
import logging
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitppc.runtime import region_store
from jitppc.runtime.private_directory import PrivateDirectory
from jitppc.runtime.region_file import (
    PROFILE,
    REGION,
    DamagedError,
    Row,
    Segment,
    encode,
    page_hash,
)
from jitppc.runtime.region_store import RegionStore, merge

KEY = "a" * 40
PAGES = [page_hash(bytes([n]) * 4096) for n in range(8)]


class InMemory:
    """A file's bytes as a segment reads them."""

    def __init__(self, data: bytes) -> None:
        self.data, self.size = data, len(data)

    def read(self, at: int, size: int) -> bytes:
        return self.data[at : at + size]


def rows(count: int, size: int = 100) -> list[Row]:
    return [
        Row(PAGES[n % 8], REGION, n, n + 1, 1000 + n, bytes([n % 256]) * (size + n))
        for n in range(count)
    ]


def fill(root: Path, count: int = 20, size: int = 100) -> RegionStore:
    """A store with some regions of each page, on disk."""
    store = RegionStore(root, KEY)
    for row in rows(count, size):
        store.add(row.page, row.index, row.instructions, row.content)
    store.set_profile(PAGES[0], b"profile")
    store.save()
    return store


def contents(store: RegionStore) -> dict[tuple[bytes, int], bytes]:
    """All sound regions."""
    found = {}
    for page in PAGES:
        for index, region in store.regions(page).items():
            data = region.read()
            if data is not None:
                found[page, index] = data
    return found


EVERYTHING = {(row.page, row.index): row.content for row in rows(20)}


def files(root: Path) -> list[Path]:
    return sorted((root / "regions" / KEY).glob("*.regions"))


def test_the_next_process_finds_what_was_kept(tmp_path):
    assert contents(fill(tmp_path)) == EVERYTHING
    store = RegionStore(tmp_path, KEY)
    assert contents(store) == EVERYTHING
    assert store.regions(PAGES[3])[3].instructions == 4
    assert store.profile(PAGES[0]) == b"profile"
    assert store.profile(PAGES[1]) is None
    assert {} == store.regions(page_hash(b"other"))
    (path,) = files(tmp_path)
    assert path.stat().st_mode & 0o077 == path.parent.stat().st_mode & 0o077 == 0


def test_what_is_known_already_is_not_written_again(tmp_path, monkeypatch):
    fill(tmp_path)
    store = RegionStore(tmp_path, KEY)
    contents(store)
    store.set_profile(PAGES[0], b"profile")
    before = [path.stat().st_size for path in files(tmp_path)]
    store.save()
    assert before == [path.stat().st_size for path in files(tmp_path)]
    tomorrow = int(time.time()) + 86_400
    monkeypatch.setattr(region_store, "_now", lambda: tomorrow)
    store.save()
    assert len(files(tmp_path)) == 2
    segment = Segment(InMemory(files(tmp_path)[1].read_bytes()))
    assert [(page, tomorrow) for page in sorted(PAGES)] == sorted(
        (entry[1], entry[5]) for entry in segment.entries()
    )
    assert contents(RegionStore(tmp_path, KEY)) == EVERYTHING


def test_another_key_shares_nothing(tmp_path):
    fill(tmp_path)
    assert {} == contents(RegionStore(tmp_path, "b" * 40))


def test_without_a_directory_it_is_forgotten(tmp_path):
    store = RegionStore(None, KEY)
    store.add(PAGES[0], 1, 1, b"image")
    assert {(PAGES[0], 1): b"image"} == contents(store)
    store.save()
    assert [] == list(tmp_path.iterdir())


@given(st.data())
def test_damage_anywhere_is_found(data):
    """One byte changed: the file is refused, or exactly the region that was hit is missing."""
    parts = encode(rows(20))
    whole = bytearray(b"".join(parts))
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] ^= data.draw(st.integers(1, 255))
    try:
        segment = Segment(InMemory(bytes(whole)))
    except DamagedError:
        assert at < len(parts[0]) + len(parts[1])
        return
    lost = []
    for number, row in enumerate(rows(20)):
        try:
            assert row.content == segment.content(number)
        except DamagedError:
            lost.append(number)
    assert at >= len(parts[0]) + len(parts[1])
    assert len(lost) == 1


@given(st.data())
def test_a_file_of_another_length_is_refused(data):
    whole = b"".join(encode(rows(20)))
    keep = data.draw(st.integers(0, len(whole) - 1))
    more = data.draw(st.binary(min_size=1, max_size=100))
    for changed in (whole[:keep], whole + more, more):
        with pytest.raises(DamagedError):
            Segment(InMemory(changed))


@given(st.binary(max_size=300))
def test_any_other_file_is_refused(content):
    with pytest.raises(DamagedError):
        Segment(InMemory(content))


def test_a_damaged_file_is_removed_and_the_others_are_used(tmp_path, caplog):
    fill(tmp_path)
    store = RegionStore(tmp_path, KEY)
    store.add(PAGES[0], 500, 1, b"new")
    store.save()
    first, second = files(tmp_path)
    first.write_bytes(first.read_bytes()[:-1])
    with caplog.at_level(logging.WARNING, logger="jitppc"):
        assert {(PAGES[0], 500): b"new"} == contents(RegionStore(tmp_path, KEY))
    assert "truncated" in caplog.text
    assert [second] == files(tmp_path)


def test_a_damaged_region_is_left_out(tmp_path, caplog):
    fill(tmp_path)
    (path,) = files(tmp_path)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1                       # the last thing written is the profile
    data[data.index(EVERYTHING[PAGES[5], 5])] ^= 1
    path.write_bytes(data)
    with caplog.at_level(logging.WARNING, logger="jitppc"):
        store = RegionStore(tmp_path, KEY)
        found = contents(store)
        assert store.profile(PAGES[0]) is None
    assert set(EVERYTHING) - set(found) == {(PAGES[5], 5)}
    assert all(EVERYTHING[key] == data for key, data in found.items())
    assert "damaged" in caplog.text


def test_a_file_of_another_version_is_refused(tmp_path):
    fill(tmp_path)
    (path,) = files(tmp_path)
    path.write_bytes(path.read_bytes().replace(b"jitppc regions 1", b"jitppc regions 2"))
    assert {} == contents(RegionStore(tmp_path, KEY))


@pytest.mark.parametrize("where", ["regions", f"regions/{KEY}"])
def test_a_directory_that_others_can_write_is_not_used(tmp_path, caplog, where):
    fill(tmp_path)
    (tmp_path / where).chmod(0o777)
    with caplog.at_level(logging.WARNING, logger="jitppc"):
        store = RegionStore(tmp_path, KEY)
        assert {} == contents(store)
        store.add(PAGES[0], 1, 1, b"image")
        store.save()
    assert "can be written by others" in caplog.text
    assert len(files(tmp_path)) == 1


def test_a_file_that_others_can_write_is_not_used(tmp_path, caplog):
    fill(tmp_path)
    files(tmp_path)[0].chmod(0o666)
    with caplog.at_level(logging.WARNING, logger="jitppc"):
        assert {} == contents(RegionStore(tmp_path, KEY))
    assert "can be written by others" in caplog.text


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("where", ["", "regions", f"regions/{KEY}", "the file"])
def test_what_belongs_to_somebody_else_is_not_used(tmp_path, caplog, where):
    fill(tmp_path)
    path = files(tmp_path)[0] if where == "the file" else tmp_path / where
    os.chown(path, 12345, 12345)
    with caplog.at_level(logging.WARNING, logger="jitppc"):
        assert {} == contents(RegionStore(tmp_path, KEY))
    assert "belongs to somebody else" in caplog.text


@pytest.mark.parametrize("where", ["regions", f"regions/{KEY}"])
def test_no_symbolic_link_is_followed(tmp_path, where):
    fill(tmp_path / "one")
    (tmp_path / "two" / where).parent.mkdir(parents=True, mode=0o700)
    (tmp_path / "two" / where).symlink_to(tmp_path / "one" / where)
    assert {} == contents(RegionStore(tmp_path / "two", KEY))


def test_a_linked_file_is_not_used(tmp_path):
    fill(tmp_path)
    (path,) = files(tmp_path)
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    assert {} == contents(RegionStore(tmp_path, KEY))


def test_a_fifo_in_the_way_does_not_hang(tmp_path):
    fill(tmp_path)
    os.mkfifo(tmp_path / "regions" / KEY / "0.regions")
    assert contents(RegionStore(tmp_path, KEY)) == EVERYTHING


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
def test_a_full_disk_costs_only_the_next_start(tmp_path, monkeypatch, caplog, number):
    fill(tmp_path)
    store = RegionStore(tmp_path, KEY)
    store.add(PAGES[0], 500, 1, b"new")

    def refuse(*_args):
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch, caplog.at_level(logging.WARNING, logger="jitppc"):
        patch.setattr(os, "write", refuse)
        store.save()
    assert os.strerror(number) in caplog.text
    assert len(caplog.records) == 1
    assert EVERYTHING.items() <= contents(store).items()
    store.add(PAGES[0], 501, 1, b"newer")
    store.save()
    assert len(caplog.records) == 1
    assert [".regions"] == [path.suffix for path in (tmp_path / "regions" / KEY).iterdir()]
    assert contents(RegionStore(tmp_path, KEY)) == EVERYTHING


def test_a_really_full_disk(tmp_path):
    """On a file system of 256 KiB, where one can be mounted."""
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k,mode=700", "none", str(small)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("needs the right to mount a file system")
    try:
        fill(small, 20)
        store = RegionStore(small, KEY)
        store.add(PAGES[0], 500, 1, bytes(1 << 20))
        store.save()
        assert contents(RegionStore(small, KEY)) == EVERYTHING
        assert len(list((small / "regions" / KEY).iterdir())) == 1
    finally:
        subprocess.run(["umount", "--lazy", str(small)], check=True)


WRITER = f"""
import sys
from pathlib import Path
from jitppc.runtime.region_store import RegionStore
from jitppc.runtime.region_file import page_hash
root, number = Path(sys.argv[1]), int(sys.argv[2])
sys.stdin.read(1)
for turn in range(15):
    store = RegionStore(root, {KEY!r})
    for index in range(20):
        content = b"%d %d " % (number, turn) + bytes([index]) * 500
        store.add(page_hash(b"%d" % turn), 20 * number + index, 1, content)
    store.save()
"""


def test_processes_may_write_at_once(tmp_path):
    """Four at a time, with merging; nothing is lost, and everything is sound."""
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    writers = [
        subprocess.Popen([*command, str(n)], stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        for n in range(4)
    ]
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write(b"g")
        writer.stdin.close()
    for writer in writers:
        assert writer.stderr is not None
        assert b"" == writer.stderr.read()
        assert 0 == writer.wait(120)
        writer.stderr.close()
    store = RegionStore(tmp_path, KEY)
    for turn in range(15):
        found = {i: r.read() for i, r in store.regions(page_hash(b"%d" % turn)).items()}
        expected = {
            20 * n + i: b"%d %d " % (n, turn) + bytes([i]) * 500
            for n in range(4)
            for i in range(20)
        }
        assert expected == found
    assert len(files(tmp_path)) <= region_store.MANY_SEGMENTS + 4


def test_merging_keeps_what_was_used_last(tmp_path, monkeypatch):
    """Of eight pages there is room for some; page 1, the oldest, was used again."""
    for n, page in enumerate(PAGES):
        monkeypatch.setattr(region_store, "_now", lambda n=n: 1000 * (n + 1))
        store = RegionStore(tmp_path, KEY)
        store.add(page, n, 1, bytes([n]) * 1000)
        store.save()
    monkeypatch.setattr(region_store, "_now", lambda: 100_000)
    again = RegionStore(tmp_path, KEY)
    again.regions(PAGES[1])
    again.save()
    with PrivateDirectory(tmp_path, "regions", KEY) as directory:
        merge(directory, 4 * 1200)
    assert 1 == len(files(tmp_path))
    assert files(tmp_path)[0].stat().st_size <= 4 * 1200
    left = {PAGES.index(page) for page, _index in contents(RegionStore(tmp_path, KEY))}
    assert left == {1, 6, 7}


def test_a_reader_keeps_what_it_mapped_when_others_merge(tmp_path):
    fill(tmp_path)
    reader = RegionStore(tmp_path, KEY)
    with PrivateDirectory(tmp_path, "regions", KEY) as directory:
        merge(directory, 1 << 20, many=0)
    assert contents(reader) == EVERYTHING
    assert contents(RegionStore(tmp_path, KEY)) == EVERYTHING


def test_the_size_stays_bounded(tmp_path):
    limit = 200_000
    for turn in range(30):
        store = RegionStore(tmp_path, KEY, limit)
        for index in range(20):
            store.add(page_hash(b"%d" % turn), index, 1, bytes(1000))
        store.save()
        assert sum(path.stat().st_size for path in files(tmp_path)) <= limit
    assert page_hash(b"29") in RegionStore(tmp_path, KEY, limit)
    assert page_hash(b"0") not in RegionStore(tmp_path, KEY, limit)


def test_stores_of_other_translators_go_when_they_are_old(tmp_path):
    for n in range(3):
        store = RegionStore(tmp_path, f"{n}" * 40)
        store.add(PAGES[0], 0, 1, b"image")
        store.save()
    for path in (tmp_path / "regions" / ("0" * 40)).iterdir():
        os.utime(path, (1, 1))
    fill(tmp_path)
    assert sorted(["1" * 40, "2" * 40, KEY]) == sorted(
        path.name for path in (tmp_path / "regions").iterdir()
    )


def test_a_directory_that_vanishes_is_made_again(tmp_path):
    store = fill(tmp_path)
    shutil.rmtree(tmp_path / "regions")
    store.add(PAGES[0], 500, 1, b"new")
    store.save()
    assert {(PAGES[0], 500): b"new"} == contents(RegionStore(tmp_path, KEY))


def test_what_is_not_written_yet_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(region_store, "PENDING_BYTES", 10_000)
    store = RegionStore(tmp_path, KEY)
    for index in range(20):
        store.add(PAGES[0], index, 1, bytes(1000))
    assert len(files(tmp_path)) == 1
    assert 20 == len(contents(store))
    assert all(r.image is None for i, r in store.regions(PAGES[0]).items() if i < 11)


def test_a_file_that_shrinks_while_it_is_used_is_noticed(tmp_path):
    fill(tmp_path)
    reader = RegionStore(tmp_path, KEY)
    os.truncate(files(tmp_path)[0], 3000)
    found = contents(reader)
    assert found.items() < EVERYTHING.items()


def test_an_unfinished_file_is_not_read(tmp_path):
    fill(tmp_path)
    (tmp_path / "regions" / KEY / "1.regions.abcd.unfinished").write_bytes(b"half")
    assert contents(RegionStore(tmp_path, KEY)) == EVERYTHING


def test_the_kind_of_a_row_is_part_of_what_is_checked():
    data = b"".join(encode([Row(PAGES[0], PROFILE, 0, 0, 1, b"content")]))
    assert b"content" == Segment(InMemory(data)).content(0)
