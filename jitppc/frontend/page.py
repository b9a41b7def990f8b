"""What regions are formed from: pages of code, and what is known of their words.

A module of its own, since whoever only tells that needs no instructions.
"""

from typing import NamedTuple

#: words of a page
WORDS = 1024
#: how far from an indirect jump its targets are looked for, in words
NEAR = 400
#: what is known of a word
RUN, OFTEN, RARELY = 1, 2, 4


class Page(NamedTuple):
    """A page of code: its 4096 bytes, and one byte for each word.

    The byte has RUN if the word was executed. With OFTEN, many jumps have arrived there; with
    RARELY, next to none have.
    """

    code: bytes
    has_run: bytes
