"""Calls that wait for the network, run so that signals are not kept waiting: the one place for it.

Python runs signal handlers on the main thread, between two steps of Python code, and a call into C is one step: Ctrl-C
would be felt only after it. So the main thread lets a worker thread make the call and waits in a way that a signal
handler can interrupt. Other threads get no signals and call directly.

What the library reports during a call (log lines, the progress of a wait) is taken to the calling thread and runs
there, so that nobody need know of the worker.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import threading
import time
from queue import Empty, SimpleQueue
from typing import Any, Callable, Iterator, List, Optional, Set, Tuple, TypeVar, Union

from ._errors import CancelledError

T = TypeVar("T")

_Answer = Tuple[Any, Optional[BaseException]]
_Report = Callable[[], object]


class _Call:
    """A call that a worker makes for the main thread."""

    __slots__ = ("function", "events", "verdicts")

    def __init__(self, function: Callable[[], Any]) -> None:
        self.function = function
        self.events: SimpleQueue[Union[_Answer, _Report]] = SimpleQueue()
        """For the caller: reports, then the answer."""
        self.verdicts: SimpleQueue[bool] = SimpleQueue()
        """For the worker: whether the call shall go on after a report that it waits for."""


class _Worker(threading.Thread):
    """Makes one call at a time for the main thread. It never keeps the process from ending."""

    def __init__(self) -> None:
        super().__init__(name="atlas_backup", daemon=True)
        self.calls: SimpleQueue[Optional[_Call]] = SimpleQueue()
        self.start()

    def run(self) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())  # they are the main thread's
        while True:
            call = _here.call = self.calls.get()
            if call is None:
                return
            try:
                answer: _Answer = (call.function(), None)
            except BaseException as problem:
                answer = (None, problem)
            _here.call = None
            call.events.put(answer)
            del call, answer  # an idle worker keeps nothing alive


class _Here(threading.local):
    call: Optional[_Call] = None
    """The call that this thread makes for another."""


_here = _Here()
_idle: List[_Worker] = []  # more than one only if the main thread makes a call while it is in one, from a handler say
_waited_for: Set[_Call] = set()


def run(function: Callable[[], T], cancel: Callable[[], None]) -> T:
    """Returns what `function` returns or raises what it raises; on the main thread, signal handlers run meanwhile.

    If one of them raises, as Ctrl-C does, or a report does, the call is ended with `cancel` and that exception comes
    out.
    """
    if threading.get_ident() != threading.main_thread().ident:
        return function()
    try:
        worker = _idle.pop() if _idle else _Worker()
    except RuntimeError:  # no thread to be had
        return function()
    call = _Call(function)
    _waited_for.add(call)
    try:
        worker.calls.put(call)
        while callable(event := call.events.get()):
            event()
    except BaseException:
        worker.calls.put(None)
        _end(call, cancel)
        raise
    finally:
        _waited_for.discard(call)
    _idle.append(worker)
    result, problem = event
    if problem is not None:
        try:
            raise problem
        finally:
            del problem, event  # or this frame and the exception would keep each other alive
    return result  # type: ignore[no-any-return]


def _end(call: _Call, cancel: Callable[[], None]) -> None:
    """Cancels the call and drops what it returns; leaves it to end by itself if it takes its time."""
    call.verdicts.put(False)
    for _ in range(2):  # the first time, the worker may not have entered the call yet
        cancel()
        end = time.monotonic() + 0.05
        try:
            while callable(call.events.get(timeout=max(0, end - time.monotonic()))):
                pass
            return
        except Empty:
            pass


def tell(report: _Report) -> None:
    """Called while the library is in a call: has `report` run on the thread that made it, and does not wait for it."""
    call = _here.call
    if call is None:
        report()
    else:
        call.events.put(report)


def ask(report: _Report) -> bool:
    """As `tell`, but waits for `report`, and returns whether the call shall go on.

    What `report` raises comes out of the call, or out of here if this thread made the call itself.
    """
    call = _here.call
    if call is None:
        report()
        return True

    def answer() -> None:
        report()
        call.verdicts.put(True)

    call.events.put(answer)
    return call.verdicts.get()


def _in_child() -> None:
    """The workers are the parent's. If the fork was made during a call, by a handler or a report, it is theirs too."""
    _idle.clear()
    _inside.clear()
    for call in _waited_for:
        call.events.put(_refuse)


def _refuse() -> None:
    raise CancelledError("the process was forked during this call, and its parent goes on with it")


# Python ends a thread that comes back to it at the end of the process, out of a callback too, and the library cannot
# bear that. So calls that may call back have to end before.

_inside: List[Callable[[], None]] = []
"""How to cancel each call that may call back."""
_ending = False


@contextlib.contextmanager
def calling_back(cancel: Callable[[], None]) -> Iterator[None]:
    """Guards a call that may call back, and that `cancel` ends."""
    _inside.append(cancel)
    try:
        if _ending and _here.call is None and threading.current_thread() is not threading.main_thread():
            raise CancelledError("the process is ending; nothing was sent")
        yield
    finally:
        with contextlib.suppress(ValueError):  # in the child of a fork
            _inside.remove(cancel)


def _at_exit() -> None:
    """Ends the calls that may call back. A second is plenty, unless a handler of the program's own blocks."""
    global _ending
    _ending = True
    end = time.monotonic() + 1
    while _inside and time.monotonic() < end:
        for cancel in list(_inside):
            cancel()
        time.sleep(0.01)


os.register_at_fork(after_in_child=_in_child)
atexit.register(_at_exit)
