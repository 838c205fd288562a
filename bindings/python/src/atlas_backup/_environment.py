"""The variables that the library reads, and files that hold them, for the command line."""

from __future__ import annotations

import os
import re
import stat
from typing import Dict, Tuple

from ._errors import ConfigError

# Those of a group stand for each other. The programs in bindings/c have the same table.
_GROUPS: Tuple[Dict[str, str], ...] = (
    {
        "MONGODB_ATLAS_CLIENT_ID": "client id of a service account",
        "MONGODB_ATLAS_CLIENT_SECRET": "its client secret",
        "MONGODB_ATLAS_CLIENT_SECRET_FILE": "a file that holds the client secret",
        "MONGODB_ATLAS_PUBLIC_API_KEY": "public half of an API key",
        "MONGODB_ATLAS_PUBLIC_KEY": "another name for that",
        "MONGODB_ATLAS_PRIVATE_API_KEY": "private half of the API key",
        "MONGODB_ATLAS_PRIVATE_KEY": "another name for that",
        "MONGODB_ATLAS_PRIVATE_API_KEY_FILE": "a file that holds the private half",
        "MONGODB_ATLAS_PRIVATE_KEY_FILE": "another name for that",
        "MONGODB_ATLAS_ACCESS_TOKEN": "an access token that you fetched",
        "MONGODB_ATLAS_ACCESS_TOKEN_FILE": "a file that holds the access token",
    },
    {
        "MONGODB_ATLAS_OPS_MANAGER_URL": "where Atlas is, before the next two",
        "MONGODB_ATLAS_BASE_URL": "where Atlas is, before the next",
        "MONGODB_ATLAS_SERVICE": "which Atlas: cloud or cloudgov",
    },
    {"MONGODB_ATLAS_API_VERSION": "version of the API; 2024-05-30"},
    {"MONGODB_ATLAS_TIMEOUT_MS": "timeout in milliseconds; 30000"},
    {"MONGODB_ATLAS_TOKEN_CACHE": "as --token-cache: DIR, or default"},
    {"MONGODB_ATLAS_CA_FILE": "authorities besides the system's"},
    {
        "SSL_CERT_FILE": "authorities instead of the system's",
        "SSL_CERT_DIR": "folders with such authorities",
    },
    {
        "https_proxy": "the proxy, before the next three",
        "HTTPS_PROXY": "the proxy, before the next two",
        "all_proxy": "the proxy, before the next",
        "ALL_PROXY": "the proxy",
    },
    {
        "no_proxy": "hosts that need no proxy",
        "NO_PROXY": "another name for that",
    },
)
HELP = "".join(f"  {name:34}  {text}\n" for group in _GROUPS for name, text in group.items())
"""A line for each variable."""

# As systemd has it in an EnvironmentFile=; what systemd would take otherwise than it looks is refused.
_LINE = re.compile(
    r"""\s*(?:[#;].*)?
    |\s*([A-Za-z0-9_]+)=[ \t]*(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|((?!["'])[^\\]*?))\s*""",
    re.VERBOSE | re.DOTALL,
)


def load(path: str) -> None:
    """Sets the variables in a file, in the place of those that stand for the same. Of its text nothing is shown."""
    try:
        text = _read(path)
    except OSError as problem:
        raise ConfigError(f"--env-file {path}: {problem.strerror}") from None
    values = {}
    for number, line in enumerate(text.split("\n"), start=1):
        assignment = _LINE.fullmatch(line)
        if assignment is None or "\0" in line:
            what = "is not NAME=VALUE; a value with a backslash needs single quotes"
            raise ConfigError(f"--env-file {path}: line {number} {what}")
        name, doubly, singly, plain = assignment.groups()
        if name is not None:
            if not any(name in group for group in _GROUPS):
                raise ConfigError(
                    f"--env-file {path}: line {number} has a variable that means nothing here; see --help"
                )
            values[name] = re.sub(r'\\(["\\$`])', r"\1", doubly) if doubly is not None else singly or plain or ""
    for group in _GROUPS:
        for name in group if group.keys() & values.keys() else ():
            os.environ.pop(name, None)
    os.environ.update(values)


def _read(path: str) -> str:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK)  # a FIFO must not hang
    with open(descriptor, encoding="utf-8", errors="surrogateescape", newline="\n") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            problem = "it is no regular file"
        elif status.st_uid not in (os.geteuid(), 0):
            problem = "it belongs to another user, who could change it"
        elif status.st_mode & stat.S_IRWXO:
            problem = "others may read or write it: chmod o= takes that away"
        elif status.st_mode & stat.S_IWGRP:
            problem = "its group may write it: chmod g-w takes that away"
        elif status.st_size > 65536:
            problem = "it has more than 64 KiB"
        else:
            return file.read()
    raise ConfigError(f"--env-file {path}: {problem}")
