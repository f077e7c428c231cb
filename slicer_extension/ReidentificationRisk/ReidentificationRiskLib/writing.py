"""Writing a file as a whole or not at all."""

import contextlib
import os
import tempfile
from typing import Iterator

from ReidentificationRiskLib.errors import PanelError, reason
from ReidentificationRiskLib.i18n import tr as _


@contextlib.contextmanager
def replacing(path: str) -> Iterator[str]:
    """Give the name of a new file beside ``path`` that takes its place once it is written.

    Raises
    ------
    PanelError
        When it cannot be made, written or put in place; what was there before stays, and nothing is left behind.
    """
    folder, name = os.path.split(os.path.abspath(path))
    temporary = ""
    try:
        handle, temporary = tempfile.mkstemp(prefix=".reid-", dir=folder)
        os.close(handle)
        yield temporary
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise PanelError(
            _("'{name}' cannot be written: {why}. Choose another folder, or make room.").format(
                name=name, why=reason(error)
            )
        ) from error
    finally:
        with contextlib.suppress(OSError):
            os.remove(temporary)


def write_text(path: str, text: str) -> None:
    """Write a text in UTF-8; PanelError as `replacing`."""
    with replacing(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as file:
        file.write(text)
