"""Calls that wait for the network, run so that signals are not kept waiting: the one place for it.

Python runs signal handlers on the main thread, between two steps of Python code, and a call into C is one step: Ctrl-C
would be felt only after it. There are two ways out for the main thread:

- It makes the call itself, and a watcher thread cancels the call when a signal arrives. That costs little, but is right
  only if the signal's handler will raise, so it is taken if the program has no handler but Python's own for Ctrl-C.
- It lets a worker thread make the call and waits in a way that a signal handler can interrupt.

Other threads get no signals and call directly.

What the library reports during a call (log lines, the progress of a wait) is taken to the calling thread and runs
there, so that nobody need know of the worker.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import sys
import threading
import time
from _thread import start_new_thread
from queue import Empty, SimpleQueue
from typing import Any, Callable, Iterator, List, Optional, TypeVar

from ._errors import CancelledError

T = TypeVar("T")


def _start(work: Callable[[], None]) -> None:
    """Has a thread do `work` that leaves signals to the others and never keeps the process from ending.

    It is none of `threading`, which is told by a function of Python when the object of such a thread is freed: on the main
    thread Ctrl-C would be lost in that.
    """

    def run() -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        work()

    start_new_thread(run, ())


class _Worker:
    """Makes one call at a time for the main thread, on a thread of its own."""

    def __init__(self) -> None:
        self.calls: SimpleQueue[Optional[Callable[[], Any]]] = SimpleQueue()
        self.events: SimpleQueue[Any] = SimpleQueue()
        """For the caller: reports, which are functions, then what the call returned and what it raised, a tuple."""
        self.verdicts: SimpleQueue[bool] = SimpleQueue()
        """For the worker: whether the call shall go on after a report that it waits for."""
        try:
            _start(self.work)
        except BaseException:  # Ctrl-C, when the thread had begun
            self.calls.put(None)
            raise

    def work(self) -> None:
        _here.worker = self
        while (function := self.calls.get()) is not None:
            try:
                answer: Any = (function(), None)
            except BaseException as problem:
                answer = (None, problem)
            self.events.put(answer)
            del function, answer  # an idle worker keeps nothing alive


class _Here(threading.local):
    worker: Optional[_Worker] = None
    """The worker that this thread is."""


_here = _Here()
_idle: List[_Worker] = []  # more than one only if the main thread makes a call while it is in one, from a handler say
_busy: List[_Worker] = []


def run(function: Callable[[], T], cancel: Callable[[], None], calls_back: bool) -> T:
    """Returns what `function` returns or raises what it raises; on the main thread, signal handlers run meanwhile.

    If one of them raises, as Ctrl-C does, or a report does, the call is ended with `cancel` and that exception comes
    out. `calls_back` says that there may be reports: an exception would be lost in them if they ran inside the call.
    """
    if threading.get_ident() != threading.main_thread().ident:
        return function()
    if sys.is_finalizing():  # in a __del__ at the end of the process: no other thread runs Python code any more
        return function()
    if not calls_back and _only_ctrl_c():
        try:
            if watcher := _begin(cancel):
                try:
                    return function()
                finally:
                    watcher.end()
        except KeyboardInterrupt:
            # The watcher may not have noticed the signal yet, and would take it for one during the next call.
            _retire()
            raise
    worker = None
    with contextlib.suppress(RuntimeError):  # no thread to be had
        worker = _idle.pop() if _idle else _Worker()
    return function() if worker is None else _run_on(worker, function, cancel)


def _run_on(worker: _Worker, function: Callable[[], T], cancel: Callable[[], None]) -> T:
    _busy.append(worker)
    try:
        worker.calls.put(function)
        while callable(event := worker.events.get()):
            event()
    except BaseException:
        worker.calls.put(None)
        _end(worker, cancel)
        raise
    finally:
        _busy.remove(worker)
    _idle.append(worker)
    result, problem = event
    if problem is not None:
        try:
            raise problem
        finally:
            del problem, event  # or this frame and the exception would keep each other alive
    return result  # type: ignore[no-any-return]


def _end(worker: _Worker, cancel: Callable[[], None]) -> None:
    """Cancels the call and drops what it returns; leaves it to end by itself if it takes its time."""
    worker.verdicts.put(False)
    for _ in range(2):  # the first time, the worker may not have entered the call yet
        cancel()
        with contextlib.suppress(Empty):
            while callable(worker.events.get(timeout=0.05)):
                pass
            return


def tell(report: Callable[[], object]) -> None:
    """Called while the library is in a call: has `report` run on the thread that made it, and does not wait for it."""
    worker = _here.worker
    if worker is None:
        report()
    else:
        worker.events.put(report)


def ask(report: Callable[[], object]) -> bool:
    """As `tell`, but waits for `report`, and returns whether the call shall go on.

    What `report` raises comes out of the call, or out of here if this thread made the call itself.
    """
    worker = _here.worker
    if worker is None:
        report()
        return True
    verdicts = worker.verdicts

    def answer() -> None:
        report()
        verdicts.put(True)

    worker.events.put(answer)
    return verdicts.get()


_getsignal: Callable[[int], Any] = getattr(sys.modules.get("_signal"), "getsignal", signal.getsignal)  # quicker
_SIGNALS = tuple(map(int, signal.valid_signals()))
_HARMLESS = {signal.SIG_DFL, signal.SIG_IGN, None, signal.default_int_handler}
"""Signal handlers that run no Python code, and the one that raises KeyboardInterrupt whatever happens."""


def _only_ctrl_c() -> bool:
    return _HARMLESS.issuperset(map(_getsignal, _SIGNALS))


class _Watcher:
    """Cancels the call that the main thread is in when Python's signal handler, the one in C, says that one arrived."""

    def __init__(self) -> None:
        self.read_end, self.write_end = os.pipe()
        os.set_blocking(self.write_end, False)
        self.lock = threading.Lock()
        self.cancel: Optional[Callable[[], None]] = None
        try:
            _start(self.work)
        except RuntimeError:  # no thread to be had
            self.close()
            raise
        except BaseException:  # Ctrl-C, when the thread had begun
            os.write(self.write_end, b"\0")
            raise

    def work(self) -> None:
        while os.read(self.read_end, 1) != b"\0":
            for _ in range(50):  # more than once: the main thread may not have entered the call yet
                with self.lock:
                    if self.cancel is None:
                        break
                    self.cancel()
                time.sleep(0.02)
        self.close()

    def end(self) -> None:
        with self.lock:  # from here on nothing is cancelled
            self.cancel = None
        signal.set_wakeup_fd(-1)

    def close(self) -> None:
        os.close(self.read_end)
        os.close(self.write_end)


_watcher: Optional[_Watcher] = None


def _begin(cancel: Callable[[], None]) -> Optional[_Watcher]:
    """Has a call watched; None if it cannot be, since the program listens for signals itself, say."""
    global _watcher
    try:
        watcher = _watcher = _watcher or _Watcher()
        before = signal.set_wakeup_fd(watcher.write_end, warn_on_full_buffer=False)
    except (OSError, RuntimeError, ValueError):  # no pipe, no thread, or this is not the main interpreter
        return None
    if before not in (-1, watcher.write_end):
        signal.set_wakeup_fd(before)
        return None
    watcher.cancel = cancel
    return watcher


def _retire() -> None:
    global _watcher
    watcher, _watcher = _watcher, None
    if watcher is not None:
        watcher.end()
        os.write(watcher.write_end, b"\0")


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
        if _ending and _here.worker is None and threading.current_thread() is not threading.main_thread():
            raise CancelledError("the process is ending; nothing was sent")
        yield
    finally:
        with contextlib.suppress(ValueError):  # in the child of a fork
            _inside.remove(cancel)


@atexit.register
def _at_exit() -> None:
    """Ends the calls that may call back. A second is plenty, unless a handler of the program's own blocks."""
    global _ending
    _ending = True
    end = time.monotonic() + 1
    while _inside and time.monotonic() < end:
        for cancel in list(_inside):
            cancel()
        time.sleep(0.01)


def _in_child() -> None:
    """Helpers are the parent's. If the fork was made during a call, by a handler or a report, that is its too."""
    global _watcher
    _idle.clear()
    _inside.clear()
    if _watcher is not None:
        with contextlib.suppress(ValueError):
            signal.set_wakeup_fd(-1)  # it could still be that of a call of the parent, whose pipe this is
        _watcher.close()
        _watcher = None
    for worker in _busy:
        worker.events.put(_refuse)


def _refuse() -> None:
    raise CancelledError("the process was forked during this call, and its parent goes on with it")


os.register_at_fork(after_in_child=_in_child)
