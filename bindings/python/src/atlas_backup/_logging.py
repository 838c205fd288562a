"""The library's log lines go to the standard logger ``atlas_backup``."""

from __future__ import annotations

import logging
import sys
import traceback
from typing import Any, Dict, Final

from ._blocking import tell
from ._library import LogFunction

logger: Final = logging.getLogger(__package__)
logger.addHandler(logging.NullHandler())  # nothing is printed unless the program sets logging up

LEVELS: Final[Dict[int, int]] = {1: logging.ERROR, 2: logging.WARNING, 3: logging.INFO, 4: logging.DEBUG}
"""The library's levels and those of `logging`."""


def wanted() -> int:
    """The library's level for what the logger lets through now, 0 if that is nothing or nobody listens."""
    return max((ours for ours, theirs in LEVELS.items() if logger.isEnabledFor(theirs)), default=0) if _heard() else 0


def _heard() -> bool:
    """Whether any handler would see a line."""
    place: Any = logger
    while place is not None:
        if any(not isinstance(handler, logging.NullHandler) for handler in place.handlers):
            return True
        place = place.parent if place.propagate else None
    return False


def _log(user_data: Any, level: int, line: bytes) -> None:
    text = line.decode("utf-8", "replace")
    tell(lambda: write(LEVELS.get(level, logging.DEBUG), text))


def write(level: int, text: str) -> None:
    """Logs a line. A handler or filter that fails is reported, as `logging` reports it, and fails nothing else."""
    try:
        logger.log(level, "%s", text)
    except Exception:
        if logging.raiseExceptions and sys.stderr is not None:
            traceback.print_exc()


receive: Final = LogFunction(_log)
"""What the library calls, as long as there are clients: kept for ever, since a client may outlive all but this."""
off: Final = LogFunction()
