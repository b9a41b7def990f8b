"""The same campaign spread over a Dask cluster: every worker process there has a judge of its own.

Batches are tasks; what a task returns are the events that a local worker would have sent.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any, Self

from jitppc.errors import ReferenceFailure, UserError

from .events import Event, Failed, Lost, Ready
from .judge import Judge
from .plan import Plan

#: tasks in flight for each thread of the cluster, so that none waits for us
AHEAD = 2


@functools.lru_cache(2)
def _judge(plan: Plan) -> Judge:
    """The judge of this process; it stays open between tasks."""
    return Judge(plan)


def ready(plan: Plan) -> Event:
    """What a worker of the cluster can judge; runs there."""
    try:
        return _judge(plan).ready()
    except UserError as error:
        return Failed(str(error))


def run_batch(plan: Plan, number: int) -> list[Event]:
    """All events of a batch; runs in a worker of the cluster."""
    try:
        return list(_judge(plan).run(number))
    except ReferenceFailure as error:
        _judge.cache_clear()
        return [Failed(str(error))]


class ClusterWorkers:
    """A Dask cluster by its scheduler's address; a context manager."""

    def __init__(self, plan: Plan, address: str) -> None:
        try:
            from distributed import Client
        except ImportError as error:
            raise UserError("a cluster needs Dask: pip install 'jitppc[dask]'") from error
        self._plan = plan
        try:
            self._client: Any = Client(address, timeout=10, set_as_default=False)
        except (OSError, ValueError, TypeError) as error:
            raise UserError(f"no Dask scheduler at {address}: {error}") from error
        if not self._client.scheduler_info()["workers"]:
            self._client.close()
            raise UserError(f"the Dask scheduler at {address} has no workers")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._client.close()

    def run(self, numbers: Iterator[int]) -> Iterator[Event | None]:
        """As `LocalWorkers.run`: numbers are taken when the cluster has room for them."""
        from distributed import as_completed

        event = self._client.submit(ready, self._plan, pure=False).result()
        yield event
        if not isinstance(event, Ready):
            return
        running = as_completed(loop=self._client.loop)
        tasks: dict[Any, int] = {}
        while True:
            while len(tasks) < AHEAD * self._room():
                number = next(numbers, None)
                if number is None:
                    break
                future = self._client.submit(run_batch, self._plan, number, pure=False, retries=0)
                tasks[future] = number
                running.add(future)
            if not tasks:
                return
            future = next(running)
            number = tasks.pop(future)
            if future.status == "finished":
                yield from future.result()
            else:
                yield Lost(number, "died")
            yield None

    def _room(self) -> int:
        """Threads of the cluster, as it is now."""
        info = self._client.scheduler_info()
        return max(1, sum(worker["nthreads"] for worker in info["workers"].values()))
