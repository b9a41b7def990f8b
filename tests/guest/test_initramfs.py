"""The archive that the guest tests boot from is what the kernel expects."""

import gzip
import stat
import subprocess

from initramfs import APPLETS, busybox_initramfs

from jitppc.host.archive import Entry, cpio, program, symlink


def members(archive: bytes) -> dict[str, tuple[int, bytes]]:
    """Mode and data by name, read as the format's description says."""
    found, at = {}, 0
    while True:
        assert b"070701" == archive[at : at + 6]
        fields = [int(archive[at + 6 + 8 * n : at + 14 + 8 * n], 16) for n in range(13)]
        size, name_size = fields[6], fields[11]
        name = archive[at + 110 : at + 110 + name_size - 1].decode()
        at = (at + 110 + name_size + 3) & ~3
        if name == "TRAILER!!!":
            return found
        found[name] = (fields[1], archive[at : at + size])
        at = (at + size + 3) & ~3


def test_every_entry_comes_back():
    entries = {"a": program(b"12345"), "bc": symlink("a"), "dev": Entry(stat.S_IFDIR | 0o755)}
    expected = {name: (entry.mode, entry.data) for name, entry in entries.items()}
    assert expected == members(cpio(entries))


def test_the_initramfs_is_repeatable_and_whole(tmp_path):
    busybox = tmp_path / "busybox"
    busybox.write_bytes(b"\x7fELF")
    archive = busybox_initramfs(busybox)
    assert archive == busybox_initramfs(busybox)
    found = members(gzip.decompress(archive))
    assert {"init", "dev/console", "bin/busybox"} <= set(found)
    assert all(b"busybox" == found[f"bin/{name}"][1] for name in APPLETS)


def test_init_is_a_valid_shell_script(tmp_path):
    busybox = tmp_path / "busybox"
    busybox.write_bytes(b"")
    script = tmp_path / "init"
    script.write_bytes(members(gzip.decompress(busybox_initramfs(busybox)))["init"][1])
    subprocess.run(["sh", "-n", str(script)], check=True)
