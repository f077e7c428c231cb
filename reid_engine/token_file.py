"""The file that holds the token which a server asks its clients for."""

import os
import re
import stat
from pathlib import Path

from reid_engine.errors import ServeError

SHORTEST = 16
"""Fewest characters of a token."""

OPEN_TO_OTHERS = "other users of this machine can read the token's file; let its owner alone read it (chmod 600)"

_LONGEST_FILE = 4096
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")  # RFC 6750, section 2.1


def read_token(path: Path) -> str:
    """Read a token, the one word that a file holds.

    Raises
    ------
    ServeError
        There is no such file, or it holds no token. The text never repeats what the file holds.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_LONGEST_FILE + 1)
    except OSError as error:
        raise ServeError(f"{path}: the token cannot be read ({error.strerror}); check the path") from None
    token = data.decode("latin-1").strip() if len(data) <= _LONGEST_FILE else ""
    if len(token) < SHORTEST or not _TOKEN.fullmatch(token):
        raise ServeError(
            f"{path}: holds no token; write one word of at least {SHORTEST} letters and digits, as made by: "
            "openssl rand -hex 32"
        )
    return token


def is_open_to_others(path: Path) -> bool:
    """Tell whether users besides the owner can read a file, on systems where its mode says so."""
    return hasattr(os, "getuid") and bool(path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH))
