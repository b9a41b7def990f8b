"""`jitppc cache`: what it says of sound and of damaged files, and what it removes."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from jitppc.backend.image import FIXUP, Image
from jitppc.runtime import tier0_cache
from jitppc.runtime.private_directory import PrivateDirectory
from jitppc.runtime.region_file import page_hash
from jitppc.runtime.region_store import RegionStore

IMAGE = Image(16, bytes(64), {"region": (0, 64)}, (), np.zeros(0, FIXUP)).to_bytes()


@pytest.fixture
def root(tmp_path, monkeypatch) -> Path:
    """A cache with five regions, two objects of tier 0, and a package."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    path = tmp_path / "jitppc"
    store = RegionStore(path, "k" * 40)
    for index in range(5):
        store.add(page_hash(bytes(4096)), index, 3, IMAGE)
    store.save()
    with PrivateDirectory(path, "tier0", create=True) as directory:
        directory.write("abc.objects", tier0_cache.encode([b"one", b"two"]))
        directory.write("abc.lock", b"")
    (path / "packages").mkdir()
    (path / "packages" / "kernel").write_bytes(bytes(5000))
    return path


def segment(root: Path) -> Path:
    (path,) = (root / "regions" / ("k" * 40)).iterdir()
    return path


def test_a_sound_cache_is_sound(jitppc, root):
    status, output, _errors = jitppc("cache", "verify")
    assert (0, f"{root}: 7 sound entries in 2 files") == (status, output.split(",")[0].strip())


def test_an_empty_cache_is_sound(jitppc, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert 0 == jitppc("cache", "verify")[0]
    assert [] == list(tmp_path.iterdir())


def test_each_damaged_region_is_named(jitppc, root):
    data = bytearray(segment(root).read_bytes())
    data[-1] ^= 1
    data[-len(IMAGE) * 2 - 1] ^= 1
    segment(root).write_bytes(data)
    status, output, _errors = jitppc("cache", "verify")
    assert 1 == status
    named = [line for line in output.splitlines() if line.startswith(str(segment(root)))]
    assert ["entry 2", "entry 4"] == [line.split(": ")[1].split(" is")[0] for line in named]
    assert "5 sound entries" in output


@pytest.mark.parametrize(("spoil", "says"), [
    (lambda path: path.write_bytes(path.read_bytes()[:-1]), "truncated"),
    (lambda path: path.write_bytes(b"something else"), "too short"),
    (lambda path: path.chmod(0o622), "can be written by others"),
    (lambda path: path.parent.chmod(0o770), "can be written by others"),
    (lambda path: path.rename(path.with_name("1.regions.ab.unfinished")), "ended while it wrote"),
])  # fmt: skip
def test_what_is_wrong_with_a_file_is_said(jitppc, root, spoil, says):
    spoil(segment(root))
    status, output, _errors = jitppc("cache", "verify")
    assert 1 == status
    assert says in output
    assert "2 sound entries" in output


def test_damage_of_tier_0_is_found(jitppc, root):
    path = root / "tier0" / "abc.objects"
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    status, output, _errors = jitppc("cache", "verify")
    assert 1 == status
    assert f"{path}: the digest does not fit" in output


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_file_of_somebody_else_is_found(jitppc, root):
    os.chown(root / "tier0" / "abc.objects", 12345, 12345)
    status, output, _errors = jitppc("cache", "verify")
    assert 1 == status
    assert "belongs to somebody else" in output


def test_parts_are_shown_and_removed_by_name(jitppc, root):
    output = jitppc("cache", "info")[1]
    for part in ("packages", "regions", "tier0"):
        assert part in output
    assert 0 == jitppc("cache", "clear", "regions", "tier0")[0]
    assert ["packages"] == [path.name for path in root.iterdir()]
    assert 0 == jitppc("cache", "clear", "regions")[0]
    assert 0 == jitppc("cache", "clear")[0]
    assert not root.exists()


def test_a_link_is_removed_and_not_what_it_leads_to(jitppc, root, tmp_path):
    (root / "packages").rename(tmp_path / "elsewhere")
    (root / "packages").symlink_to(tmp_path / "elsewhere")
    assert 0 == jitppc("cache", "clear", "packages")[0]
    assert (tmp_path / "elsewhere" / "kernel").exists()
    assert not (root / "packages").is_symlink()


@pytest.mark.parametrize("words", [
    ("clear", "region"), ("clear", "../other"), ("clear", "."), ("verify", "tier0"), ("info", "x"),
    ("verifi",),
])  # fmt: skip
def test_a_wrong_word_removes_nothing(jitppc, root, words):
    status, _output, errors = jitppc("cache", *words)
    assert 2 == status
    assert 1 == len(errors.splitlines())
    assert 3 == len(list(root.iterdir()))
