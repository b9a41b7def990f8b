"""The sessions of a page, taken for what they say: python tests/docs/session.py PAGE"""

import doctest
import re
import sys
from pathlib import Path


def failures(page: Path) -> str:
    """What did not go as shown; empty when all did."""
    text = page.read_text(encoding="utf-8")
    session = "".join(re.findall(r"^```pycon\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))
    test = doctest.DocTestParser().get_doctest(session, {}, page.name, str(page), 0)
    assert test.examples, f"{page.name} has no session"
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.FAIL_FAST)
    said: list[str] = []
    runner.run(test, out=said.append, clear_globs=False)
    if (machine := test.globs.get("m")) is not None:
        machine.close()
    return "".join(said)


if __name__ == "__main__":
    sys.exit(failures(Path(sys.argv[1])) or 0)
