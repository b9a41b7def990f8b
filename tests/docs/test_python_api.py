"""docs/python_api.md is a session with a real machine; here it takes place.

In a process of its own, because the page sends it a Ctrl-C.
"""

import subprocess
import sys
from pathlib import Path

import pytest
from guest.initramfs import busybox_initramfs, fetch_busybox

from jitppc.errors import PackageError

PAGE = Path(__file__).parents[2] / "docs/python_api.md"
SECONDS = 900


@pytest.mark.slow
def test_the_session_of_the_page_goes_as_shown(tmp_path):
    from jitppc.host import installer, packages

    if not packages.available():
        pytest.skip("needs apt-get and dpkg-deb to fetch the guest's programs")
    try:
        kernel, busybox = installer.fetch().kernel, fetch_busybox()
    except PackageError as error:
        pytest.fail(str(error))
    (tmp_path / "vmlinux").symlink_to(kernel)
    (tmp_path / "initrd.gz").write_bytes(busybox_initramfs(busybox))
    command = [sys.executable, Path(__file__).with_name("session.py"), PAGE]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert 0 == done.returncode, done.stderr
