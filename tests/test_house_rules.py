"""Rules of the house that no linter knows; see tests/README.md."""

import re
import subprocess
import warnings
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

LINES_WARN = 400
LINES_STOP = 600
# A table of instructions or operations is read row by row, and may be longer and wider.
LAYOUTS = ("jitppc/ir/layout.py", "jitppc/ir/lan_layout.py")
TABLES = ("jitppc/frontend/isa/", "jitppc/ir/ops/", *LAYOUTS)
TABLE_LINES_STOP = 900
WIDTH = 100
TABLE_WIDTH = 120

# Names that say nothing about what is inside.
EMPTY_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "stuff", "base"}

# Web addresses in the project are those of public documents.
PUBLIC_HOSTS = {"www.apache.org", "www.w3.org", "localhost", "github.com", "en.wikipedia.org"}


def project_files() -> list[Path]:
    """All files under version control, or about to be."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("not a git work tree")
    return [ROOT / name for name in done.stdout.splitlines() if (ROOT / name).is_file()]


def python_files() -> list[Path]:
    return [path for path in project_files() if path.suffix == ".py"]


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def is_table(path: Path) -> bool:
    return name_of(path).startswith(TABLES)


def text_of(path: Path) -> str:
    """The file's text; nothing for binary files."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


def test_files_are_short_enough_to_read():
    sizes = {path: text_of(path).count("\n") for path in python_files()}
    largest = sorted(sizes.items(), key=lambda item: -item[1])
    print("largest files:")
    for path, size in largest[:10]:
        print(f"  {size:5} {name_of(path)}")
    for path, size in largest:
        if LINES_WARN < size and not is_table(path):
            warnings.warn(f"{name_of(path)} has {size} lines; aim at 300", stacklevel=1)
    limits = {True: TABLE_LINES_STOP, False: LINES_STOP}
    too_long = {name_of(path): n for path, n in sizes.items() if n > limits[is_table(path)]}
    assert {} == too_long


def test_lines_are_narrow_enough_to_read():
    too_wide = []
    for path in python_files():
        limit = TABLE_WIDTH if is_table(path) else WIDTH
        for number, line in enumerate(text_of(path).splitlines(), 1):
            if len(line) > limit:
                too_wide.append(f"{name_of(path)}:{number}: {len(line)} characters")
    assert [] == too_wide


def test_file_names_say_what_is_inside():
    assert [] == [name_of(path) for path in python_files() if path.stem in EMPTY_NAMES]


def test_test_files_have_names_of_their_own():
    """Pytest imports them by their bare names."""
    seen: dict[str, Path] = {}
    twice = []
    for path in python_files():
        if path.name.startswith("test_") and name_of(path).startswith("tests/"):
            if path.name in seen:
                twice.append(f"{name_of(path)} and {name_of(seen[path.name])}")
            seen[path.name] = path
    assert [] == twice


def test_web_addresses_are_those_of_public_documents():
    """An index address of one machine, in a lock file say, would break every other machine."""
    found = []
    for path in project_files():
        if path.name == "LICENSE":
            continue
        hosts = set(re.findall(r"\bhttps?://([\w.-]+)", text_of(path)))
        found += [f"{name_of(path)}: {host}" for host in sorted(hosts - PUBLIC_HOSTS)]
    assert [] == found


def test_one_file_reads_the_environment():
    readers = [
        name_of(path)
        for path in python_files()
        if name_of(path).startswith("jitppc/")
        and path.name != "environment.py"
        and re.search(r"\bos\.(environ|getenv)\b", text_of(path))
    ]
    assert [] == readers


def test_no_generated_or_large_file_is_under_version_control():
    large = [name_of(path) for path in project_files() if path.stat().st_size > 2_000_000]
    assert [] == large
