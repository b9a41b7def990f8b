"""The pages of docs/ say what the code does."""

import importlib.util
import re
import sys
from pathlib import Path

import pytest
from session import failures

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def listings():
    """The script that makes the listings of the page."""
    spec = importlib.util.spec_from_file_location("listings", DOCS / "listings.py")
    module = sys.modules["listings"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_life_of_an_instruction_shows_what_the_code_makes(listings):
    """If not: python docs/listings.py --update, and read the page again."""
    assert [] == list(listings.outdated())


def test_every_listing_of_the_page_is_known(listings):
    assert sorted(listings.LISTINGS) == sorted(listings.shown())


def test_the_session_of_the_page_goes_as_shown():
    assert "" == failures(DOCS / "life_of_an_instruction.md")


def test_links_between_pages_lead_somewhere():
    link = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")
    pages = [*DOCS.glob("*.md"), DOCS.parent / "README.md"]
    targets = [(page, to) for page in pages for to in link.findall(page.read_text("utf-8"))]
    assert [] == [f"{page.name}: {to}" for page, to in targets if not (page.parent / to).exists()]
