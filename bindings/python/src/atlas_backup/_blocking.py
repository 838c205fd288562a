"""Calls that wait for the network, run so that signals are not kept waiting: the one place for it.

Python runs signal handlers on the main thread, between two steps of Python code, and a call into C is one step: Ctrl-C
would be felt only after it. So the main thread lets a worker thread make the call and waits in a way that a signal
handler can interrupt. Other threads get no signals and call directly.
"""

from __future__ import annotations

import os
import signal
import threading
from queue import Empty, SimpleQueue
from typing import Any, Callable, List, Optional, Tuple, TypeVar

T = TypeVar("T")

_Answer = Tuple[Any, Optional[BaseException]]
_Job = Tuple[Callable[[], Any], "SimpleQueue[_Answer]"]


class _Worker(threading.Thread):
    """Makes one call at a time for the main thread. It never keeps the process from ending."""

    def __init__(self) -> None:
        super().__init__(name="atlas_backup", daemon=True)
        self.jobs: SimpleQueue[Optional[_Job]] = SimpleQueue()
        self.start()

    def run(self) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())  # they are the main thread's
        while True:
            job = self.jobs.get()
            if job is None:
                return
            call, answers = job
            try:
                answer: _Answer = (call(), None)
            except BaseException as problem:
                answer = (None, problem)
            answers.put(answer)
            del job, call, answers, answer  # an idle worker keeps nothing alive


_idle: List[_Worker] = []  # more than one only if a signal handler makes a call while the main thread is in one
os.register_at_fork(after_in_child=_idle.clear)


def run(call: Callable[[], T], cancel: Callable[[], None]) -> T:
    """Returns what `call` returns or raises what it raises; on the main thread, signal handlers run meanwhile.

    If one of them raises, as Ctrl-C does, the call is ended with `cancel` and the handler's exception comes out.
    """
    if threading.get_ident() != threading.main_thread().ident:
        return call()
    try:
        worker = _idle.pop() if _idle else _Worker()
    except RuntimeError:  # no thread to be had
        return call()
    answers: SimpleQueue[_Answer] = SimpleQueue()
    try:
        worker.jobs.put((call, answers))
        result, problem = answers.get()
    except BaseException:
        worker.jobs.put(None)
        _end(answers, cancel)
        raise
    _idle.append(worker)
    if problem is not None:
        try:
            raise problem
        finally:
            del problem  # or this frame and the exception would keep each other alive
    return result  # type: ignore[no-any-return]


def _end(answers: SimpleQueue[_Answer], cancel: Callable[[], None]) -> None:
    """Cancels the call and drops what it returns; leaves it to end by itself if it takes its time."""
    for _ in range(2):  # the first time, the worker may not have entered the call yet
        cancel()
        try:
            answers.get(timeout=0.05)
            return
        except Empty:
            pass
