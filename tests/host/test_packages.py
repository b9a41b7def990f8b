"""Fetching with the real apt-get from a repository made in the test; no network."""

import hashlib
import subprocess
import sys

import pytest

from jitppc.errors import PackageError
from jitppc.host import installer, packages


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache/jitppc"


class Repository:
    """A flat repository of files, and the apt configuration that knows no other."""

    def __init__(self, root):
        self.root = root
        self.repo = root / "repo"
        self.repo.mkdir()
        (root / "sources.list").write_text(f"deb [trusted=yes] file:{self.repo} ./\n")

    def add(self, name, files, arch="ppc64el"):
        tree = self.root / f"build-{name}"
        (tree / "DEBIAN").mkdir(parents=True)
        fields = f"Package: {name}\nVersion: 1:1.0\nArchitecture: {arch}\nMaintainer: nobody\n"
        (tree / "DEBIAN/control").write_text(fields + "Description: for a test\n")
        for path, text in files.items():
            (tree / path).parent.mkdir(parents=True, exist_ok=True)
            (tree / path).write_text(text)
        deb = self.repo / f"{name}_1.0_{arch}.deb"
        subprocess.run(["dpkg-deb", "-b", tree, deb], check=True, capture_output=True)
        contents = deb.read_bytes()
        with (self.repo / "Packages").open("a") as lists:
            lists.write(f"{fields}Filename: ./{deb.name}\nSize: {len(contents)}\n")
            lists.write(f"SHA256: {hashlib.sha256(contents).hexdigest()}\nDescription: test\n\n")
        return deb


@pytest.fixture
def repository(tmp_path, monkeypatch, cache, require_tool):
    require_tool("apt-get")
    require_tool("dpkg-deb")
    made = Repository(tmp_path)
    conf = packages._APT_CONF + (
        f'Dir::Etc::sourcelist "{tmp_path}/sources.list";\nDir::Etc::sourceparts "/dev/null";\n'
    )
    monkeypatch.setattr(packages, "_APT_CONF", conf)
    return made


def test_a_package_is_fetched_unpacked_and_kept(repository, monkeypatch):
    repository.add("box", {"bin/box": "hello"})
    told = []
    tree = packages.fetch("box", progress=lambda what, fraction: told.append(what))
    assert "hello" == (tree / "bin/box").read_text()
    assert tree == packages.tree_path("box")
    assert told
    # Once there, it needs neither apt-get nor a network.
    monkeypatch.setenv("PATH", "")
    assert tree == packages.fetch("box")


def test_the_package_file_does_not_stay(repository, cache):
    repository.add("box", {"bin/box": "hello"})
    packages.fetch("box")
    assert [] == list(cache.glob("**/*.deb"))


def test_a_package_for_all_architectures_is_found(repository):
    repository.add("data", {"share/data": "x"}, arch="all")
    assert (packages.fetch("data") / "share/data").exists()


def test_an_unknown_package_is_one_line(repository):
    repository.add("box", {"bin/box": "hello"})
    with pytest.raises(PackageError, match=r"apt-get does not find sphinx.*jitppc run -kernel"):
        packages.fetch("sphinx")


def test_a_package_that_appeared_after_the_lists_were_read_is_found(repository):
    repository.add("box", {"bin/box": "hello"})
    packages.fetch("box")
    repository.add("late", {"bin/late": "hello"})
    assert (packages.fetch("late") / "bin/late").exists()


def test_a_wrong_hash_is_refused_and_leaves_no_tree(repository):
    deb = repository.add("box", {"bin/box": "hello"})
    contents = bytearray(deb.read_bytes())
    contents[-1] ^= 1
    deb.write_bytes(contents)
    with pytest.raises(PackageError, match="cannot download box"):
        packages.fetch("box")
    assert not packages.tree_path("box").exists()


def test_leftovers_of_an_interrupted_fetch_do_no_harm(repository, cache):
    repository.add("box", {"bin/box": "hello"})
    tree = packages.tree_path("box")
    partial = tree.with_name("box.partial")
    partial.mkdir(parents=True)
    (partial / "half").write_text("x")
    downloads = cache / "packages/ppc64el/apt/downloads"
    downloads.mkdir(parents=True)
    (downloads / "box_1%3a1.0_ppc64el.deb").write_bytes(b"half a file")
    assert ["bin"] == [path.name for path in packages.fetch("box").iterdir()]


def test_processes_that_fetch_at_once_wait_for_each_other(repository, tmp_path):
    repository.add("box", {"bin/box": "hello"})
    conf = tmp_path / "conf"
    conf.write_text(packages._APT_CONF)
    code = (
        f"from jitppc.host import packages; packages._APT_CONF = open({str(conf)!r}).read(); "
        "print(packages.fetch('box'))"
    )
    many = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) for _ in range(3)
    ]
    answers = {process.communicate(timeout=60)[0].strip() for process in many}
    assert {str(packages.tree_path("box")).encode()} == answers


def test_a_host_without_apt_is_told_how_to_go_on(cache, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PackageError, match="jitppc run -kernel FILE -initrd FILE"):
        packages.fetch("box")


def test_a_cache_directory_that_cannot_be_written_is_one_line(monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null/x")
    with pytest.raises(PackageError, match="cache directory cannot be written"):
        packages.fetch("box")


@pytest.mark.parametrize("name", ["../x", "", "A B", "-o", "x/y"])
def test_only_names_of_packages_are_accepted(name, cache):
    with pytest.raises(PackageError, match="not the name of a package"):
        packages.fetch(name)


def test_the_text_installer_is_preferred(tmp_path):
    for kind in ("gtk", "text"):
        folder = tmp_path / f"images/12/ppc64el/{kind}/debian-installer/ppc64el"
        folder.mkdir(parents=True)
        (folder / "vmlinux").touch()
        (folder / "initrd.gz").touch()
    found = installer.find(tmp_path)
    assert "text" in found.kernel.parts
    assert found.kernel.parent == found.initrd.parent


def test_a_package_without_kernel_is_one_line(tmp_path):
    with pytest.raises(PackageError, match="holds no kernel"):
        installer.find(tmp_path)
