"""Where distributions put firmware for pseries guests."""

from pathlib import Path

FOLDERS = ("/usr/share/qemu", "/usr/share/slof", "/usr/share/qemu-kvm", "/usr/local/share/qemu")


def firmware_file(wanted: Path) -> Path:
    """A file as it is, or a bare name where a distribution puts such files.

    One that is nowhere comes back unchanged, for whoever reads it to say so.
    """
    if wanted.exists() or wanted.name != str(wanted):
        return wanted
    places = (Path(folder, wanted.name) for folder in FOLDERS)
    return next((place for place in places if place.is_file()), wanted)
