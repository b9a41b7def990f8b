"""The object cache of tier 0: whatever its file or directory is like, the work goes on."""

from __future__ import annotations

import hashlib
import importlib.util
import logging
import os
import shutil
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from jitppc.backend.image import FIXUP, Image
from jitppc.runtime import native_source, tier0, tier0_cache, toolchain
from jitppc.runtime.tier0 import generate
from jitppc.runtime.tier0_cache import KeptParts, prepare, tier0_objects
from jitppc.runtime.toolchain import source_key

OBJECTS = [b"one object", b"", b"another" * 100]


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A cache directory of our own, nothing prepared, and a compiler that only counts."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(tier0_cache, "PACKAGE", tmp_path / "installation")
    built = []

    def build(exact, _progress, _parts):
        built.append(exact)
        return OBJECTS

    monkeypatch.setattr(tier0, "build", build)
    return tmp_path / "jitppc" / "tier0", built


def get() -> list[bytes]:
    return tier0_objects(exact=False, use_cache=True, progress=None)


def the_file(directory: Path) -> Path:
    return directory / f"{source_key(False)}.objects"


def test_the_second_time_nothing_is_compiled(cache):
    directory, built = cache
    assert OBJECTS == get() == get()
    assert [False] == built
    assert the_file(directory).stat().st_mode & 0o077 == 0
    assert directory.stat().st_mode & 0o077 == 0


def test_strategies_have_files_of_their_own(cache):
    _, built = cache
    get()
    tier0_objects(exact=True, use_cache=True, progress=None)
    assert [False, True] == built


def test_without_the_cache_nothing_is_read_or_written(cache):
    directory, built = cache
    for _ in range(2):
        assert OBJECTS == tier0_objects(exact=False, use_cache=False, progress=None)
    assert len(built) == 2
    assert not directory.exists()


@pytest.mark.parametrize("damage", [
    lambda data: b"",
    lambda data: data[:10],
    lambda data: data[:40],
    lambda data: data[:-1],
    lambda data: data + b"x",
    lambda data: data[:60] + bytes([data[60] ^ 1]) + data[61:],
    lambda data: b"something else entirely" * 50,
    lambda data: data.replace(b"jitppc-objects-1", b"jitppc-objects-0"),
])  # fmt: skip
def test_a_damaged_file_is_compiled_again_and_replaced(cache, caplog, damage):
    directory, built = cache
    get()
    path = the_file(directory)
    path.write_bytes(damage(path.read_bytes()))
    with caplog.at_level(logging.WARNING, logger="jitppc"):
        assert OBJECTS == get()
    assert "damaged" in caplog.text
    assert len(built) == 2
    assert OBJECTS == get()
    assert len(built) == 2


def test_a_directory_that_others_may_write_is_not_trusted(cache, caplog):
    directory, built = cache
    get()
    directory.chmod(0o777)
    with caplog.at_level(logging.WARNING, logger="jitppc"):
        assert OBJECTS == get()
    assert "can be written by others" in caplog.text
    assert len(built) == 2


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give files away")
def test_a_file_of_somebody_else_is_not_trusted(cache):
    directory, built = cache
    get()
    os.chown(the_file(directory), 12345, 12345)
    assert OBJECTS == get()
    assert len(built) == 2


def test_a_cache_that_is_a_file_costs_only_time(cache, caplog):
    directory, built = cache
    directory.parent.parent.joinpath("jitppc").write_text("in the way")
    with caplog.at_level(logging.WARNING, logger="jitppc"):
        assert OBJECTS == get() == get()
    assert "cannot be written" in caplog.text
    assert len(built) == 2


def test_a_file_that_is_a_directory_costs_only_time(cache):
    directory, built = cache
    the_file(directory).mkdir(parents=True)
    assert OBJECTS == get()
    assert len(built) == 1


def test_a_full_disk_leaves_nothing_behind(cache, monkeypatch, caplog):
    directory, _ = cache

    def refuse(*_args, **_places):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "rename", refuse)
    with caplog.at_level(logging.WARNING, logger="jitppc"):
        assert OBJECTS == get()
    assert "No space left" in caplog.text
    assert [] == [path.name for path in directory.iterdir() if path.suffix != ".lock"]


def test_any_change_of_a_source_changes_the_key(tmp_path, monkeypatch):
    before = source_key(False)
    package = tmp_path / "jitppc"
    (package / "runtime" / "native").mkdir(parents=True)
    for name in ("tier0.py", "native_source.py"):
        (package / "runtime" / name).write_text("")
    monkeypatch.setattr(toolchain, "__file__", str(package / "runtime" / "toolchain.py"))
    source_key.cache_clear()
    empty = source_key(False)
    (package / "runtime" / "native" / "new.py").write_text("1")
    source_key.cache_clear()
    assert len({before, empty, source_key(False)}) == 3
    monkeypatch.undo()
    source_key.cache_clear()


def image(content: bytes) -> bytes:
    return Image(16, content, {}, (), np.zeros(0, FIXUP)).to_bytes()


def test_what_is_kept_is_not_compiled_again(tmp_path, monkeypatch):
    """Every part but one is there: that one alone goes to the workers."""
    asked: list[str] = []

    class Pool:
        def __init__(self, *_args: object, **_kinds: object) -> None: ...
        def close(self) -> None: ...
        def submit(self, name, text, level):
            asked.append(text)
            done = Future()
            done.set_result(image(b"compiled"))
            return done

    text = replace(generate(), stencils=[])     # objects are not read
    kept = KeptParts(tmp_path)
    monkeypatch.setattr(tier0, "WorkerPool", Pool)
    monkeypatch.setattr(tier0, "generate", lambda _exact: text)
    for part in (*text.modules[1:], text.glue):
        kept.write(hashlib.sha256(part.encode()).hexdigest(), image(b"kept"))
    kept.write(native_source.native_key(), image(b"native"))
    found = tier0.build(False, None, kept)
    assert asked == text.modules[:1]
    contents = [b"native", b"compiled"] + [b"kept"] * len(text.modules)
    assert sorted(found) == sorted(map(image, contents))
    assert len(text.modules) > 30
    tier0.build(False, None, kept)
    assert asked == text.modules[:1]


def test_the_routines_depend_on_the_layout_and_not_on_rows():
    assert native_source.native_key() == native_source.native_key()
    seen = native_source.sources()
    assert "jitppc.ir.layout" in seen
    assert "jitppc.runtime.native.radix" in seen
    assert not [name for name in seen if name.startswith("jitppc.frontend.isa")]


@pytest.fixture
def installation(tmp_path, monkeypatch):
    """A package directory of our own."""
    place = tmp_path / "installed" / "jitppc"
    place.mkdir(parents=True)
    monkeypatch.setattr(tier0_cache, "PACKAGE", place)
    return place


def test_a_prepared_installation_compiles_nothing_at_a_first_start(cache, installation):
    directory, built = cache
    file = prepare(None)
    assert [False] == built
    shutil.rmtree(directory)
    assert OBJECTS == get()
    assert [False] == built
    assert not directory.exists()
    assert file.stat().st_mode & 0o777 == 0o644


def test_a_prepared_installation_has_its_modules_as_pip_leaves_them(cache, installation):
    source = installation / "module.py"
    source.write_text("VALUE = 1\n")
    prepare(None)
    compiled = Path(importlib.util.cache_from_source(str(source)))
    data = compiled.read_bytes()
    assert int.from_bytes(data[4:8], "little") == 3          # PEP 552: checked by the source's hash
    assert importlib.util.source_hash(source.read_bytes()) == data[8:16]


def test_what_an_older_version_prepared_is_removed(cache, installation):
    (installation / "prepared").mkdir()
    (installation / "prepared" / "old.objects").write_text("old")
    assert [prepare(None)] == list((installation / "prepared").iterdir())


def test_a_damaged_prepared_file_is_not_used(cache, installation, caplog):
    _, built = cache
    prepare(None).write_bytes(b"damaged")
    with caplog.at_level(logging.WARNING, logger="jitppc"):
        assert OBJECTS == get()
    assert "damaged" in caplog.text
    assert len(built) == 1           # the cache had it
