from pathlib import Path

from jitppc.cli.reference import reference

PAGE = Path(__file__).parents[2] / "docs/cli.md"


def test_the_page_about_the_command_line_is_up_to_date():
    """If not: python -m jitppc.cli.reference > docs/cli.md"""
    assert reference() == PAGE.read_text(encoding="utf-8")
