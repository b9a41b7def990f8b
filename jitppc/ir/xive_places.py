"""Where the pages of the controller are in guest real memory, and how sources are numbered.

Ref: reference §1.7, §6.1, §6.2.
"""

PAGE_LOG2 = 16
PAGE_SIZE = 1 << PAGE_LOG2

SOURCES = 0x2000
"""Numbers 0 to 0xfff are for interrupts between processors, the others are those of devices."""
PROCESSOR_SOURCES = 0x1000

PRIORITIES = 8
FIRST_RESERVED_PRIORITY = 7
RESERVED_PRIORITIES = 0xF8
"""How many priorities from the first reserved one on are not for the guest."""

PAIR_LOG2 = PAGE_LOG2 + 1
"""A source and a queue have two pages each: one to trigger it, one to manage it."""
SOURCE_PAGES_GRA = 0x0006_0100_0000_0000
QUEUE_PAGES_GRA = SOURCE_PAGES_GRA + (SOURCES << PAIR_LOG2)

CONTEXT_PAGES_GRA = 0x0006_0302_0318_0000
OS_PAGE, USER_PAGE = 2, 3
OS_PAGE_GRA = CONTEXT_PAGES_GRA + OS_PAGE * PAGE_SIZE
USER_PAGE_GRA = CONTEXT_PAGES_GRA + USER_PAGE * PAGE_SIZE

PAGES_START = SOURCE_PAGES_GRA
PAGES_END = CONTEXT_PAGES_GRA + 4 * PAGE_SIZE


def trigger_page(source: int) -> int:
    """Real address of the page on which a store triggers the source."""
    return SOURCE_PAGES_GRA + (source << PAIR_LOG2)


def management_page(source: int) -> int:
    return trigger_page(source) + PAGE_SIZE


def queue_page(target: int, priority: int) -> int:
    """Real address of the first page of a queue."""
    return QUEUE_PAGES_GRA + ((target * PRIORITIES + priority) << PAIR_LOG2)
