"""Keyed pseudonyms for the ids of DICOM headers.

A plain hash of a patient id can be undone by hashing all ids there are; a keyed one cannot without the key.
The key lies in a file of the user's configuration folder, readable by that user alone. Whoever holds it can
link pseudonyms to ids, so that it belongs to the hospital and never beside a gallery.
"""

import hashlib
import hmac
import os
import secrets
import sys
from pathlib import Path

from reid_engine.errors import ReidError

KEY_FILE_VARIABLE = "REID_PSEUDONYM_KEY_FILE"
"""Environment variable with the path of another key file."""

KEY_BYTES = 32
"""Length of a key that is made here."""

MIN_KEY_BYTES = 16
"""Shortest key that is taken."""

DIGITS = 12
"""Hex digits of a subject's or session's pseudonym: with 48 bits, two of 100,000 ids agree for one key in
56,000."""


def pseudonym(value: str, key: bytes, *, prefix: str = "S", digits: int = DIGITS) -> str:
    """Give the pseudonym of an id.

    Parameters
    ----------
    value
        The id; the kind of id (``prefix``) is part of what is hashed.
    key
        At least :data:`MIN_KEY_BYTES` bytes.
    prefix
        What the pseudonym starts with: ``"S"`` makes ``"S-3F2A91C05B7E"``.
    digits
        Hex digits to keep of HMAC-SHA256, at most 64.

    Returns
    -------
    str
        The same for the same id and key.
    """
    digest = hmac.new(key, f"{prefix}\0{value}".encode(), hashlib.sha256)
    return f"{prefix}-{digest.hexdigest()[:digits].upper()}"


def key_path() -> Path:
    """Give the path of the user's key file."""
    chosen = os.environ.get(KEY_FILE_VARIABLE)
    if chosen:
        return Path(chosen)
    return config_folder() / "reid-engine" / "pseudonym.key"


def load_key(path: Path | None = None) -> bytes:
    """Read the key, making one on first use.

    Parameters
    ----------
    path
        The key file; :func:`key_path` without one.

    Raises
    ------
    ReidError
        If the file cannot be read or made, or holds no proper key.
    """
    path = path or key_path()
    try:
        key = path.read_bytes() if path.exists() else _make_key(path)
    except OSError as error:
        raise ReidError(
            f"{path}: the pseudonym key cannot be read or made ({error.strerror}); "
            f"set {KEY_FILE_VARIABLE} to a file that you may write"
        ) from None
    if len(key) < MIN_KEY_BYTES:
        raise ReidError(f"{path}: the pseudonym key is shorter than {MIN_KEY_BYTES} bytes; restore it from a copy")
    return key


def _make_key(path: Path) -> bytes:
    """Make a key file that only its owner can read, whole or not at all, whoever else makes one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        _publish(draft, path)
    finally:
        draft.unlink(missing_ok=True)
    return path.read_bytes()


def _publish(draft: Path, path: Path) -> None:
    """Give the key its name unless another process was first."""
    try:
        path.hardlink_to(draft)
    except FileExistsError:
        return
    except OSError:  # a file system without hard links
        if not path.exists():
            draft.replace(path)


def config_folder() -> Path:
    """Give the folder in which this user's programs keep their settings."""
    if sys.platform == "win32":
        return Path(os.environ.get("APPDATA") or Path.home() / "AppData" / "Roaming")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support"
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
