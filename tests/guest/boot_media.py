"""Media that firmware can boot: a disk with a PReP partition, and a CD; both start GRUB.

GRUB is Debian's for ieee1275. It loads a kernel and an initramfs from the same medium.
Ref: CHRP 10 (boot partition of type 0x41; bootinfo.txt); reference §5.3 (boot order).
"""

import subprocess

MIB = 1 << 20
SECTOR = 512
PREP_TYPE, LINUX_TYPE = 0x41, 0x83
PREP_SIZE = 8 * MIB
MODULES = "part_msdos ext2 iso9660 search search_fs_file linux boot echo normal".split()

CONFIG = """\
search --file --set=root /boot/vmlinux
linux /boot/vmlinux console=hvc0 quiet
initrd /boot/initrd.gz
boot
"""

BOOTINFO = """\
<chrp-boot>
<description>test</description>
<boot-script>boot &device;:,\\boot\\grub.elf</boot-script>
</chrp-boot>
"""


def grub(mkimage, folder, config=CONFIG):
    """An ELF program for Open Firmware that does what `config` says."""
    from jitppc.host import packages

    modules = packages.fetch("grub-ieee1275-bin") / "usr/lib/grub/powerpc-ieee1275"
    (folder / "grub.cfg").write_text(config)
    made = folder / "grub.elf"
    flags = ["-O", "powerpc-ieee1275", "-d", modules, "-p", "/boot", "-c", folder / "grub.cfg"]
    subprocess.run([mkimage, *flags, "-o", made, *MODULES], check=True)
    return made


def tree_of(folder, images):
    """A folder with what is on the medium."""
    boot = folder / "tree/boot"
    boot.mkdir(parents=True)
    for name, path in zip(("vmlinux", "initrd.gz"), images, strict=True):
        (boot / name).write_bytes(path.read_bytes())
    return boot.parent


def disk(folder, program, images):
    """A disk with the program in its PReP partition and a filesystem behind it."""
    made, tree = folder / "disk.img", tree_of(folder, images)
    kib = sum(path.stat().st_size for path in images) // 1024 + 4096
    filesystem = folder / "ext2.img"
    filesystem.unlink(missing_ok=True)
    subprocess.run(
        ["mke2fs", "-q", "-F", "-t", "ext2", "-b", "1024", "-d", tree, filesystem, str(kib)],
        check=True,
    )
    starts = (MIB, MIB + PREP_SIZE)
    sizes = (PREP_SIZE, filesystem.stat().st_size)
    table = b"".join(
        bytes((0x80 * (kind == PREP_TYPE), 0, 0, 0, kind, 0, 0, 0))
        + (start // SECTOR).to_bytes(4, "little")
        + (size // SECTOR).to_bytes(4, "little")
        for kind, start, size in zip((PREP_TYPE, LINUX_TYPE), starts, sizes, strict=True)
    )
    with made.open("wb") as file:
        file.write(bytes(446) + table.ljust(64, b"\0") + b"\x55\xaa")
        file.seek(starts[0])
        file.write(program.read_bytes())
        file.seek(starts[1])
        file.write(filesystem.read_bytes())
    return made


def cd(folder, program, images):
    """A CD with a CHRP boot script."""
    made, tree = folder / "cd.iso", tree_of(folder, images)
    (tree / "ppc").mkdir()
    (tree / "ppc/bootinfo.txt").write_text(BOOTINFO)
    (tree / "boot/grub.elf").write_bytes(program.read_bytes())
    flags = ["-quiet", "-r", "-chrp-boot", "-o", made]
    subprocess.run(["genisoimage", *flags, tree], check=True)
    return made


def hardware(adapter, kind, path):
    """A console, the adapter, and the medium on it."""
    from functools import partial

    from jitppc.host.block.open import open_image
    from jitppc.host.block.options import ImageOptions
    from jitppc.spapr.hardware import Device, Drive, Hardware

    is_cd = kind == "cd"
    options = ImageOptions(path=path, format="raw", is_read_only=is_cd)
    drive = Drive("medium", partial(open_image, options))
    if adapter == "virtio-blk-pci":
        devices = [Device(adapter, {"drive": "medium"})]
    else:
        devices = [Device(adapter), Device("scsi-cd" if is_cd else "scsi-hd", {"drive": "medium"})]
    return Hardware(drives=(drive,), devices=tuple(devices))
