"""docs/python_api.md is a session with a real machine; here it takes place."""

import doctest
import re
from pathlib import Path

import pytest
from guest.initramfs import busybox_initramfs, fetch_busybox

from jitppc.errors import PackageError

PAGE = Path(__file__).parents[2] / "docs/python_api.md"


@pytest.mark.slow
def test_the_session_of_the_page_goes_as_shown(tmp_path, monkeypatch):
    from jitppc.host import installer, packages

    if not packages.available():
        pytest.skip("needs apt-get and dpkg-deb to fetch the guest's programs")
    try:
        kernel, busybox = installer.fetch().kernel, fetch_busybox()
    except PackageError as error:
        pytest.fail(str(error))
    (tmp_path / "vmlinux").symlink_to(kernel)
    (tmp_path / "initrd.gz").write_bytes(busybox_initramfs(busybox))
    monkeypatch.chdir(tmp_path)

    text = PAGE.read_text(encoding="utf-8")
    session = "".join(re.findall(r"^```pycon\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))
    test = doctest.DocTestParser().get_doctest(session, {}, PAGE.name, PAGE.name, 0)
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.FAIL_FAST)
    said: list[str] = []
    failed = runner.run(test, out=said.append).failed
    if failed and "m" in test.globs:
        test.globs["m"].close()
    assert 0 == failed, "".join(said)
