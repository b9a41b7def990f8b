"""A pool of compile workers (see worker.py): one thread of ours waits on each process."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from jitppc.environment import child_environment
from jitppc.errors import JitppcError
from jitppc.processes import ENDS_WITH_US, NICENESS

from .worker import receive, send


class WorkerError(JitppcError):
    """A worker could not do its task, or died."""


class WorkerPool:
    """`count` worker processes, started by `prepare` or on first use, niced below the machine."""

    def __init__(self, count: int, niceness: int = NICENESS) -> None:
        self.count = count
        self._threads = ThreadPoolExecutor(count, thread_name_prefix="jitppc-compile")
        self._local = threading.local()
        self._niceness = niceness
        self._processes: list[subprocess.Popen[bytes]] = []
        self._lock = threading.Lock()

    def prepare(self) -> None:
        """Start the processes, and have them load what compiling a region takes: half a second."""
        for _ in range(self.count):
            self.submit("prepare")

    def submit(self, task: str, *arguments: Any) -> Future[Any]:
        """Do a task of worker.TASKS in some worker."""
        return self._threads.submit(self._call, task, arguments)

    def _process(self) -> subprocess.Popen[bytes]:
        process = getattr(self._local, "process", None)
        if process is None or process.poll() is not None:
            process = subprocess.Popen(
                # busy for minutes with the interpreter, it would not see that we are gone
                (*ENDS_WITH_US, sys.executable, "-m", "jitppc.runtime.worker",
                 str(self._niceness)),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                # the sources that we run: an empty entry is the directory we were started in
                env=child_environment(PYTHONPATH=os.pathsep.join(map(os.path.abspath, sys.path))),
                # ^C is not theirs. In sessions of their own they would be as dear as the machine:
                # Linux shares CPUs among sessions first, and niceness counts inside of one
                # (sched(7), autogroup)
                process_group=0,
            )
            self._local.process = process
            with self._lock:
                self._processes.append(process)
        return process

    def _call(self, task: str, arguments: tuple[Any, ...]) -> Any:
        process = self._process()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            send(process.stdin, (task, arguments))
            ok, answer = receive(process.stdout)
        except (OSError, EOFError) as error:
            status = process.poll()
            raise WorkerError(f"a compile worker died during {task} (status {status})") from error
        if not ok:
            raise WorkerError(f"{task}: {answer}")
        return answer

    def close(self) -> None:
        """End all workers, finished or not."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            for process in self._processes:
                process.kill()
                process.wait()
                for stream in (process.stdin, process.stdout):
                    if stream is not None:
                        stream.close()
            self._processes.clear()
