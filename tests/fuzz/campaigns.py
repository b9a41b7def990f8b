"""A campaign run in this process, and what it said."""

from contextlib import ExitStack

from jitppc.fuzz.campaign import Campaign, Limits
from jitppc.fuzz.judge import Judge
from jitppc.fuzz.ledger import Ledger
from jitppc.fuzz.plan import Plan


class Here:
    """Workers that are this very process."""

    def __init__(self, plan):
        self.plan, self.taken = plan, []

    def __enter__(self):
        self.judge = Judge(self.plan)
        return self

    def __exit__(self, *_exception):
        self.judge.close()

    def run(self, numbers):
        yield self.judge.ready()
        for number in numbers:
            self.taken.append(number)
            yield from self.judge.run(number)


class Ear:
    """A listener that remembers."""

    def __init__(self):
        self.found_ones, self.lines = [], 0

    def progress(self, standing):
        self.lines += 1

    def found(self, number, found, kind):
        self.found_ones.append((number, found, kind))


def plan(reference="liars:Wrong", **changes):
    given = {"tiers": ("evaluator",), "rows": "addi,ori,ld", "batch": 64} | changes
    return Plan(reference, **given)


def run(folder, a_plan, workers=None, fresh=False, **limits):
    """(standing, listener, workers): the ledger is in the folder."""
    ear = Ear()
    workers = workers or Here(a_plan)
    with ExitStack() as stack:
        ledger = stack.enter_context(Ledger(folder / "ledger.sqlite"))
        campaign = Campaign(
            a_plan, ledger, Limits(**limits), ear, folder / "findings", fresh=fresh
        )
        standing = campaign.run(workers)
    return standing, ear, workers
