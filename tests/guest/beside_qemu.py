"""The same guest on our machine and on QEMU: what is run, and what of its words is compared."""

import re
import subprocess

QEMU = """-M pseries,x-vof=on -cpu POWER9 -m 1G -nodefaults -nographic -no-reboot
          -serial stdio""".split()


def qemu_command(program, images):
    """QEMU's command line as far as it is the same for every guest; `images`: kernel, initramfs."""
    kernel, initrd = images
    files = ["-kernel", str(kernel), "-initrd", str(initrd), "-append", "console=hvc0 quiet"]
    return [program, *QEMU, *files]


def device_words(name, values):
    """`-device` with these properties."""
    return ["-device", ",".join([name, *(f"{key}={value}" for key, value in values.items())])]


def said_by_qemu(command, seconds, kinds):
    """The lines of these kinds that the guest printed until it switched off."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds)
    return lines_between_marks(done.stdout, kinds)


def lines_between_marks(output, kinds):
    """The lines between BEGIN and END whose first word is one of `kinds`."""
    text = output.replace("\r", "")
    found = re.search(r"\nBEGIN\n(.*?)\nEND\n", text, re.DOTALL)
    assert found, text[-3000:]
    return [line for line in found[1].split("\n") if re.match(rf"({'|'.join(kinds)}) ", line)]


def of_kind(lines, *kinds):
    return [line for line in lines if line.split()[0] in kinds]
