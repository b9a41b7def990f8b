"""Laws of the stages in which a Debian system is made, with packages made here."""

import dataclasses
import os
import stat
import subprocess
from pathlib import Path

import pytest

from jitppc.debian import disk, dpkg_state, first_stage, second_stage
from jitppc.debian.modules import order_of
from jitppc.errors import UserError
from jitppc.host import package_sets

CONTROL = """\
Package: {name}
Version: 1.0
Architecture: {arch}
Multi-Arch: {multi}
Maintainer: nobody
Depends: base
Description: a package
 that says more than a line
"""


@pytest.fixture
def debs(tmp_path, require_tool):
    """Two packages: one with a conffile and triggers, one that carries its architecture."""
    require_tool("dpkg-deb")
    made = []
    for name, arch, multi in (("tool", "all", "foreign"), ("libx", "ppc64el", "same")):
        tree = tmp_path / name
        (tree / "DEBIAN").mkdir(parents=True)
        (tree / "DEBIAN/control").write_text(CONTROL.format(name=name, arch=arch, multi=multi))
        (tree / "bin").mkdir()
        (tree / f"bin/{name}").write_text("#!/bin/sh\n")
        (tree / f"bin/{name}").chmod(0o4755)
        if name == "tool":
            (tree / "etc").mkdir()
            (tree / "etc/tool.conf").write_text("x\n")
            (tree / "DEBIAN/conffiles").write_text("/etc/tool.conf\n")
            (tree / "DEBIAN/triggers").write_text("interest-noawait /usr/lib/x\ninterest refresh\n")
            (tree / "DEBIAN/preinst").write_text("#!/bin/sh\n")
            (tree / "DEBIAN/preinst").chmod(0o755)
        made.append(tmp_path / f"{name}_1.0_{arch}.deb")
        command = ["dpkg-deb", "--root-owner-group", "-b", tree, made[-1]]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
    return made


@pytest.fixture
def root(tmp_path, debs):
    """The packages unpacked, and known to dpkg."""
    root, controls = tmp_path / "root", tmp_path / "control"
    root.mkdir()
    controls.mkdir()
    first_stage._merge_usr(root)
    dpkg_state.write(root, first_stage._unpack(debs, root, controls))
    return root


def test_unpacking_keeps_the_links_into_usr_and_the_modes(root):
    assert (root / "bin").is_symlink()
    assert 0o4755 == stat.S_IMODE((root / "usr/bin/tool").stat().st_mode)


def test_dpkg_finds_the_packages_unpacked_and_whole(root, require_tool):
    require_tool("dpkg")
    command = ["dpkg", f"--root={root}", "--force-not-root", "--force-architecture"]
    query = ["dpkg-query", f"--admindir={root}/var/lib/dpkg"]
    shown = subprocess.run(
        [*query, "-W", "-f", "${binary:Package} ${db:Status-Abbrev} ${Version}|${Conffiles}\n"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout
    assert "libx:ppc64el iU  1.0|" in shown
    assert "tool iU  1.0| /etc/tool.conf 401b30e3b8b5d629635a5c613cdb7919" in shown
    files = subprocess.run(
        [*query, "-L", "tool"], capture_output=True, text=True, check=True, timeout=60
    ).stdout
    assert ["/.", "/bin", "/bin/tool", "/etc", "/etc/tool.conf"] == files.split()
    checked = subprocess.run(
        [*command, "--verify"], capture_output=True, text=True, check=False, timeout=60
    )
    assert "" == checked.stdout


def test_triggers_are_known(root):
    dpkg = root / "var/lib/dpkg"
    assert "/usr/lib/x tool/noawait\n" == (dpkg / "triggers/File").read_text()
    assert "tool\n" == (dpkg / "triggers/refresh").read_text()
    assert os.access(dpkg / "info/tool.preinst", os.X_OK)
    assert (dpkg / "info/libx:ppc64el.list").exists()


def test_modules_are_loaded_behind_those_that_they_need(tmp_path):
    for name, needs in {"a": "b-c,d", "b-c": "d", "d": "", "other": ""}.items():
        (tmp_path / f"{name}.ko").write_bytes(b"\x7fELF\0depends=%s\0" % needs.encode())
    found = [path.stem for path in order_of(tmp_path, ("a", "built_in"))]
    assert ["d", "b-c", "a"] == found


def test_the_second_stage_is_followed():
    told = []
    follower = second_stage.Follower(4, lambda what, part: told.append((what, part)))
    text = (
        f"{second_stage.MARK} step configuring\n"
        "processing: configure: libc6:ppc64el\n"
        "status: libc6:ppc64el: half-configured\nstatus: libc6:ppc64el: installed\r\n"
        "processing: configure: dash\n"
        f"{second_stage.MARK} done\n"
    )
    for at in range(0, len(text), 7):
        follower.feed(text[at : at + 7].encode())
    assert [
        ("step configuring".removeprefix("step "), None),
        ("configuring libc6:ppc64el", 0.0),
        ("configuring dash", 0.25),
    ] == told
    assert follower.is_done
    assert not follower.failure


def test_the_first_failure_is_the_one_that_is_said():
    follower = second_stage.Follower(1, lambda what, part: None)
    follower.feed(b"status: x : error : its script ended with status 1\n")
    follower.feed(f"{second_stage.MARK} failed: dpkg --configure -a\n".encode())
    assert "its script ended with status 1" in follower.failure
    assert not follower.is_done


def test_a_password_cannot_be_a_script():
    with pytest.raises(ValueError, match="letters and digits"):
        second_stage.script("'; poweroff; '")
    assert "@" not in second_stage.script("abc").replace('"$@"', "").replace("$*", "")


def test_an_image_that_is_no_debian_disk_is_one_line(tmp_path, require_tool):
    require_tool("debugfs")
    image = tmp_path / "disk"
    image.write_bytes(bytes(1 << 20))
    with pytest.raises(UserError, match="is it a disk"):
        disk.boot_files(image)


def test_kernel_and_initrd_of_the_newest_version_are_read_from_a_disk(tmp_path, require_tool):
    require_tool("debugfs")
    tree, image = tmp_path / "tree", tmp_path / "disk"
    (tree / "boot").mkdir(parents=True)
    for version in ("6.1.0-9-x", "6.1.0-50-x"):
        for name in ("vmlinux", "initrd.img"):
            (tree / f"boot/{name}-{version}").write_text(f"{name} {version}")
    first_stage._make_file_system(tree, image, 4 << 20)
    files = disk.boot_files(image)
    assert ["vmlinux 6.1.0-50-x", "initrd.img 6.1.0-50-x"] == [path.read_text() for path in files]


def test_an_unpacked_system_is_used_again_only_for_the_same_plan(tmp_path):
    unpacked = tmp_path / "unpacked"
    plan = first_stage.Plan(["a"], "i", 1, [], [], "h", "", "s")
    assert not disk._is_made_by(unpacked, plan)
    unpacked.touch()
    disk._plan_of(unpacked).write_text(first_stage.as_text(plan))
    assert disk._is_made_by(unpacked, plan)
    assert not disk._is_made_by(unpacked, dataclasses.replace(plan, hostname="other"))


def test_names_of_sources_are_taken_from_this_machines_table(tmp_path):
    table = tmp_path / "hosts"
    table.write_text("127.0.0.1 a.example\n192.0.2.7 b.example other # c.example\n\n# d.example\n")
    scheme = "http"
    lines = [f"deb {scheme}://{name}.example/debian stable main" for name in "abcd"]
    assert ["192.0.2.7 b.example"] == package_sets.names_of(lines, table)


def test_a_password_holds_for_all_runs_that_it_takes(tmp_path):
    wish = disk.Wish(tmp_path / "d", 1)
    first = disk._password(tmp_path / "password", wish)
    assert first == disk._password(tmp_path / "password", wish)
    assert 0o600 == stat.S_IMODE((tmp_path / "password").stat().st_mode)
    assert second_stage.script(first)


def test_a_disk_that_is_being_made_is_not_made_twice(tmp_path):
    path = Path(tmp_path / "disk")
    with disk._locked(path), pytest.raises(UserError, match="another jitppc"), disk._locked(path):
        pass
    with disk._locked(path):
        pass
