"""Worker processes of one machine: each has references and tiers of its own, takes batch numbers
and sends events. One that dies or stays silent is replaced, and the case that did it is found.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any, Self

from jitppc.errors import JitppcError

from .events import At, Done, Event, Failed, Lost, Ready
from .plan import Plan

#: a batch takes a second or two and shrinking is bounded, but a host may be busy
SILENCE_SECONDS = 600.0
#: for one case, while the deadly one is looked for
CASE_SECONDS = 60.0
#: opening may have to compile the interpreter
OPENING_SECONDS = 900.0


@dataclass(frozen=True, slots=True)
class Task:
    """A batch to run; `careful` announces each case before it runs."""

    number: int
    careful: bool = False


def serve(plan: Plan, pipe: Connection) -> None:
    """The worker's side: until the pipe closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the campaign decides when it ends
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    from .judge import Judge

    judge = None
    try:
        judge = Judge(plan)
        pipe.send(judge.ready())
        while True:
            task = pipe.recv()
            for event in judge.careful(task.number) if task.careful else judge.run(task.number):
                pipe.send(event)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        pass
    except JitppcError as error:
        with contextlib.suppress(OSError):  # another worker may have ended the campaign already
            pipe.send(Failed(str(error)))
    finally:
        if judge is not None:
            judge.close()


class _Worker:
    """A process, what it is doing, and since when it is silent."""

    def __init__(self, plan: Plan) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, other = context.Pipe()
        self.process = context.Process(target=serve, args=(plan, other), daemon=True)
        self.process.start()
        other.close()
        self.task: Task | None = None
        self.is_ready = False
        self.at: At | None = None
        self.heard = time.monotonic()

    @property
    def patience(self) -> float:
        """Seconds of silence until it counts as hung."""
        if not self.is_ready:
            return OPENING_SECONDS
        return CASE_SECONDS if self.task is not None and self.task.careful else SILENCE_SECONDS

    def give(self, task: Task) -> None:
        self.task, self.at, self.heard = task, None, time.monotonic()
        self.pipe.send(task)

    def end(self) -> None:
        self.pipe.close()
        self.process.join(0.5)
        if self.process.is_alive():
            self.process.terminate()
            self.process.join(2)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()


class LocalWorkers:
    """`jobs` worker processes; a context manager. They end with it, whatever happens."""

    def __init__(self, plan: Plan, jobs: int) -> None:
        self._plan = plan
        self._workers = [_Worker(plan) for _ in range(jobs)]
        self._failures = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        for worker in self._workers:
            worker.end()

    def run(self, numbers: Iterator[int]) -> Iterator[Event | None]:
        """Events of all workers as they come, None when a second went by without.

        A worker gets the next number when it is free; nothing is taken in advance. The iterator
        ends when the numbers have, and every worker is done.
        """
        waiting: list[Task] = []
        while True:
            for worker in self._workers:
                if worker.is_ready and worker.task is None:
                    if waiting:
                        worker.give(waiting.pop())
                    elif (number := next(numbers, None)) is not None:
                        worker.give(Task(number))
            if not any(worker.task or not worker.is_ready for worker in self._workers):
                return
            pipes: list[Any] = [worker.pipe for worker in self._workers]
            heard = wait(pipes, timeout=1.0)
            if not heard:
                yield None
            for n, worker in enumerate(self._workers):
                if worker.pipe in heard:
                    event = self._receive(worker)
                elif time.monotonic() - worker.heard > worker.patience:
                    event = self._lost(worker, "hung")
                else:
                    continue
                if isinstance(event, Lost):
                    task = worker.task
                    worker.end()
                    self._workers[n] = _Worker(self._plan)
                    if task is not None and not task.careful:
                        waiting.append(Task(task.number, careful=True))
                        continue
                yield event

    def _receive(self, worker: _Worker) -> Event:
        try:
            event: Event = worker.pipe.recv()
        except (EOFError, OSError):
            return self._lost(worker, "died")
        worker.heard = time.monotonic()
        if isinstance(event, Ready):
            worker.is_ready = True
        elif isinstance(event, At):
            worker.at = event
        elif isinstance(event, Done):
            worker.task = None
        return event

    def _lost(self, worker: _Worker, kind: str) -> Event:
        if worker.task is None:
            self._failures += 1
            return Failed(f"a worker process has {kind} before its first batch")
        return Lost(worker.task.number, kind, worker.at)
