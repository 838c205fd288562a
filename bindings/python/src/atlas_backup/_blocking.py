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


def _new_worker() -> Optional[_Worker]:
    try:
        return _Worker()
    except RuntimeError:  # no thread to be had
        return None


class _Here(threading.local):
    call: Optional[_Call] = None
    """The call that this thread makes for another."""


_here = _Here()
_idle: List[_Worker] = []  # more than one only if the main thread makes a call while it is in one, from a handler say
_waited_for: Set[_Call] = set()


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
        done, returned = _run_watched(function, cancel)
        if done:
            return returned  # type: ignore[return-value]
    worker = _idle.pop() if _idle else _new_worker()
    if worker is None:
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


_getsignal: Callable[[int], Any] = getattr(sys.modules.get("_signal"), "getsignal", signal.getsignal)  # quicker
_SIGNALS = tuple(map(int, signal.valid_signals()))
_HARMLESS = {signal.SIG_DFL, signal.SIG_IGN, None, signal.default_int_handler}
"""Signal handlers that run no Python code, and the one that raises KeyboardInterrupt whatever happens."""


def _only_ctrl_c() -> bool:
    return _HARMLESS.issuperset(map(_getsignal, _SIGNALS))


class _Watcher(threading.Thread):
    """Cancels the call that the main thread is in when Python's signal handler, the one in C, says that one arrived."""

    def __init__(self) -> None:
        super().__init__(name="atlas_backup", daemon=True)
        self.read_end, self.write_end = os.pipe()
        os.set_blocking(self.write_end, False)
        self.lock = threading.Lock()
        self.cancel: Optional[Callable[[], None]] = None
        try:
            self.start()
        except RuntimeError:
            self.close()
            raise

    def run(self) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        while os.read(self.read_end, 1) != b"\0":
            for _ in range(50):  # more than once: the main thread may not have entered the call yet
                with self.lock:
                    if self.cancel is None:
                        break
                    self.cancel()
                time.sleep(0.02)
        self.close()

    def begin(self, cancel: Callable[[], None]) -> bool:
        """Watches over a call; returns False if it cannot, since the program listens for signals itself, say."""
        try:
            before = signal.set_wakeup_fd(self.write_end, warn_on_full_buffer=False)
        except ValueError:  # this is not the main interpreter
            return False
        if before not in (-1, self.write_end):
            signal.set_wakeup_fd(before)
            return False
        self.cancel = cancel
        return True

    def end(self) -> None:
        with self.lock:  # from here on nothing is cancelled
            self.cancel = None
        signal.set_wakeup_fd(-1)

    def close(self) -> None:
        os.close(self.read_end)
        os.close(self.write_end)


_watcher: Optional[_Watcher] = None


def _run_watched(function: Callable[[], T], cancel: Callable[[], None]) -> Tuple[bool, Optional[T]]:
    """Calls `function` under the eyes of the watcher. Returns whether that could be, and what the function returned."""
    global _watcher
    try:
        watcher = _watcher = _watcher or _Watcher()
    except (OSError, RuntimeError):  # no pipe or no thread to be had
        return False, None
    try:
        if not watcher.begin(cancel):
            return False, None
        try:
            return True, function()
        finally:
            watcher.end()
    except KeyboardInterrupt:
        # The watcher may not have noticed the signal yet, and would take it for one during the next call.
        _retire()
        raise


def _retire() -> None:
    global _watcher
    watcher, _watcher = _watcher, None
    if watcher is not None:
        watcher.end()
        os.write(watcher.write_end, b"\0")


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
    global _watcher
    _idle.clear()
    _inside.clear()
    if _watcher is not None:
        with contextlib.suppress(ValueError):
            signal.set_wakeup_fd(-1)  # it could still be that of a call of the parent, whose pipe this is
        _watcher.close()
        _watcher = None
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
