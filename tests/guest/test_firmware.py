"""The boot table: kernels and media, by our own firmware and by SLOF, to a shell and to power-off.

Under load each boot by SLOF takes a minute, so only SLOF's start is always looked at; the rest
runs when asked for: `make test-firmware` (and `make test-big-endian`, which builds kernels first).
"""

from pathlib import Path

import be_kernel
import boot_media
import boot_network
import pytest
from guest_modules import fetched_kernel
from initramfs import PROMPT, busybox_initramfs, fetch_busybox

from jitppc.errors import PackageError
from jitppc.host.firmware_files import firmware_file
from jitppc.spapr.machine import Machine

pytestmark = pytest.mark.slow

SECONDS = 900
OWN, SLOF = None, "slof"
FIRST_WORDS = b"QEMU Starting"
# What SLOF prints while it builds its dictionary: how far it has come.
FORTH_RUNS = b"C0140"


@pytest.fixture(scope="module")
def slof(require_tool):
    """It comes with the reference machine's program."""
    require_tool("qemu-system-ppc64")
    path = firmware_file(Path("slof.bin"))
    assert path.is_file(), "slof.bin is missing: Debian has it in qemu-system-data"
    return path


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Debian's kernel and an initramfs of busybox."""
    initrd = tmp_path_factory.mktemp("initrd") / "initrd.gz"
    try:
        initrd.write_bytes(busybox_initramfs(fetch_busybox()))
    except PackageError as error:
        pytest.fail(str(error))
    return fetched_kernel(), initrd


def test_slof_starts(slof):
    """It finds its tree and its console, and its Forth system runs."""
    with Machine(None, firmware=slof, memory="512M") as machine:
        stop = machine.run(until=FORTH_RUNS, timeout=300)
        assert stop.reason == "until", machine.console_output
        assert FIRST_WORDS in machine.console_output


def boots(machine):
    """What the guest said until its shell, and that it can be switched off."""
    with machine:
        stop = machine.run(until=PROMPT, timeout=SECONDS)
        assert stop.reason == "until", machine.console_output[-3000:]
        said = machine.console_output
        machine.type("poweroff -f\n" if b"BusyBox" in said else "poweroff\n")
        assert machine.run(timeout=SECONDS).reason == "poweroff"
    return said.decode(errors="replace")


@pytest.fixture(scope="session")
def whole_table(long_proof):
    long_proof("--firmware-table", "test-firmware")


@pytest.mark.usefixtures("whole_table")
@pytest.mark.parametrize("cpu", ["power8", "power9", "power10"])
def test_slof_boots_the_kernel_that_it_is_given(cpu, slof, images):
    kernel, initrd = images
    said = boots(
        Machine(kernel, initrd, append="console=hvc0", memory="1G", cpu=cpu, firmware=slof)
    )
    assert "Using default console: /vdevice/vty@71000000" in said
    assert ("hash-mmu:" if cpu == "power8" else "radix-mmu:") in said


@pytest.fixture
def medium(request, images, tmp_path, require_tool):
    """A machine's hardware with a bootable medium: disk (virtio, SCSI) or CD."""
    mkimage = require_tool("grub-mkimage")
    adapter, kind = request.param
    make = boot_media.cd if kind == "cd" else boot_media.disk
    path = make(tmp_path, boot_media.grub(mkimage, tmp_path), images)
    return boot_media.hardware(adapter, kind, path)


@pytest.mark.usefixtures("whole_table")
@pytest.mark.parametrize(
    "medium",
    [("virtio-blk-pci", "disk"), ("spapr-vscsi", "disk"), ("spapr-vscsi", "cd")],
    indirect=True,
    ids="-".join,
)
def test_slof_boots_a_medium(medium, slof):
    assert "GRUB" in boots(Machine(None, memory="1G", firmware=slof, hardware=medium))


@pytest.fixture(scope="module")
def big_endian(tmp_path_factory):
    return be_kernel.initramfs(tmp_path_factory.mktemp("big_endian"))


@pytest.mark.usefixtures("whole_table")
@pytest.mark.parametrize("adapter", ["spapr-vlan", "virtio-net-pci"])
def test_slof_boots_from_a_network(adapter, slof, big_endian, tmp_path, require_tool):
    """By DHCP and TFTP: a big-endian zImage with its initramfs."""
    if why := boot_network.why_not():
        pytest.skip(why)
    program = tmp_path / "netboot"
    if not be_kernel.with_initrd("64k-elfv1", big_endian, program):
        pytest.skip("`make be-kernel` builds what is booted")
    hardware = boot_network.hardware(adapter)
    with boot_network.serving(program, require_tool("dnsmasq")):
        said = boots(Machine(None, memory="1G", firmware=slof, hardware=hardware))
    assert "TFTP: Received netboot" in said
    assert "@machine ppc64 big-endian" in said


@pytest.mark.usefixtures("whole_table")
@pytest.mark.parametrize("variant", be_kernel.VARIANTS)
@pytest.mark.parametrize(
    ("image", "firmware", "cpu", "append"),
    [
        ("vmlinux", OWN, "power8", ""),
        ("vmlinux", OWN, "power9", ""),
        ("vmlinux", OWN, "power9", "disable_radix"),
        ("vmlinux", OWN, "power10", ""),
        ("zImage.pseries", OWN, "power9", ""),
        ("vmlinux", SLOF, "power8", ""),
        ("vmlinux", SLOF, "power9", ""),
        ("zImage.pseries", SLOF, "power9", ""),
    ],
)
def test_a_big_endian_kernel_boots(image, firmware, cpu, append, variant, big_endian, slof):
    folder = be_kernel.built(variant)
    if folder is None:
        pytest.skip("`make be-kernel` builds it")
    machine = Machine(
        folder / image,
        big_endian,
        append=f"console=hvc0 {append}",
        memory="1G",
        cpu=cpu,
        firmware=slof if firmware else None,
    )
    pages = variant.partition("k")[0]
    assert f"@machine ppc64 big-endian, pages of {int(pages) * 1024}" in boots(machine)
