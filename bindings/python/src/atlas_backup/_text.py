"""Text from the server, made fit to be shown."""

from __future__ import annotations

# What steers a terminal, ends a line or turns the direction of writing: the library and its C programs have the same list.
_CONTROLS = [*range(0x20), *range(0x7F, 0xA0), 0x61C, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2066, 0x206A)]
_BLANKS = dict.fromkeys(_CONTROLS, " ")


def printable(text: str) -> str:
    """The same text, which neither steers the terminal nor has a person read something else than it says."""
    return text.translate(_BLANKS)
