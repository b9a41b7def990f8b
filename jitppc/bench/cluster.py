"""A plan spread over a Dask cluster: every turn of the matrix is a task.

Workers need jitppc, the cross compiler and QEMU themselves, and the user's files at the same paths.
Times of different hosts are not comparable, so every record says where it was measured.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from typing import Any

from jitppc.bench.engines import Engine, Job
from jitppc.bench.measure import FILLING, Record, Tell, host_record, measure_part
from jitppc.bench.plan import Plan
from jitppc.errors import OptionError, UserError

CONNECT_SECONDS = 5


def measure_on(address: str, plan: Plan, tell: Tell) -> Iterator[Record]:
    """Every record of a plan, in the order in which the cluster's workers get done.

    Args:
        address: of a scheduler, such as tcp://HOST:8786; or `local:N`, for N processes here.
    """
    try:
        import distributed
    except ImportError:
        raise UserError("-scheduler needs Dask: pip install 'jitppc[cluster]'") from None
    logging.getLogger("distributed").setLevel(logging.ERROR)
    turns = [
        (engine, part, repeat)
        for repeat in range(plan.repeats)
        for part in plan.parts
        for engine in plan.engines
    ]
    yield host_record() | {"scheduler": address}
    with _client(distributed, address) as client:
        tasks = [client.submit(turn, *what, pure=False, retries=1) for what in turns]
        tell(f"{len(tasks)} tasks on {address}", 0.0)
        try:
            for done, task in enumerate(distributed.as_completed(tasks), 1):
                engine, part, repeat = turns[tasks.index(task)]
                tell(f"{engine.name}: {', '.join(part.workloads)}", done / len(tasks))
                if task.status == "finished":
                    yield from task.result()
                else:
                    yield _lost(engine, repeat, task.exception())
        finally:
            client.cancel(tasks)


def turn(engine: Engine, part: Job, repeat: int) -> list[Record]:
    """One engine's part, on a worker; with what fills its cache, since it has one of its own."""
    records: list[Record] = []
    repeats = [FILLING, repeat] if engine.needs_filling else [repeat]
    for number in repeats:
        records += measure_part(engine, part, number, lambda _text: None)
    where = socket.gethostname()
    return [record | {"where": where} for record in records if record["what"] != "out"]


def _client(distributed: Any, address: str) -> Any:
    kind, _, count = address.partition(":")
    if kind == "local":
        if not count.isdecimal() or not int(count):
            raise OptionError(f"-scheduler {address}: local:N, with N processes from 1")
        cluster = distributed.LocalCluster(
            n_workers=int(count), threads_per_worker=1, dashboard_address=None
        )
        return _Owned(distributed.Client(cluster), cluster)
    try:
        return distributed.Client(address, timeout=CONNECT_SECONDS)
    except (OSError, ValueError) as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise UserError(f"-scheduler {address}: {reason}") from error


class _Owned:
    """A client with the cluster that was made for it."""

    def __init__(self, client: Any, cluster: Any) -> None:
        self._client, self._cluster = client, cluster

    def __enter__(self) -> Any:
        return self._client

    def __exit__(self, *_error: object) -> None:
        self._client.close()
        self._cluster.close()


def _lost(engine: Engine, repeat: int, error: BaseException | None) -> Record:
    """A task whose worker died, or that was wrong."""
    return {
        "what": "problem",
        "engine": engine.name,
        "kind": engine.kind,
        "repeat": repeat,
        "workload": None,
        "text": f"{type(error).__name__}: {error}",
    }
