"""Text for terminals of every kind: no character that they lack may end the program."""

import codecs
import io
import os
import sys
import unicodedata

_PLAIN = {
    "–": "-", "—": "-", "−": "-", "…": "...", "×": "x", "≤": "<=", "≥": ">=", "≈": "~", "→": "->",
    "•": "*", "▲": "!", "○": "o", "’": "'", "“": '"', "”": '"', "\u202f": " ", "\u00a0": " ",
}  # fmt: skip
"""What stands for a character where the terminal cannot show it."""


def plain(error: UnicodeError) -> tuple[str | bytes, int]:
    """Replace what an encoding lacks by the nearest ASCII text; a codec error handler."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join(_PLAIN.get(char) or _ascii(char) for char in lacking), error.end


def _ascii(char: str) -> str:
    base = unicodedata.normalize("NFKD", char).encode("ascii", "ignore").decode()
    return base or "?"


codecs.register_error("reid-plain", plain)


def prepare() -> None:
    """Make standard output and error take any text."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="reid-plain")


def say(text: str, *, error: bool = False) -> None:
    """Print a line.

    ``click.echo`` is not used because it takes an ASCII terminal for a mistake and sends UTF-8 to it.
    """
    stream = sys.stderr if error else sys.stdout
    stream.write(text + "\n")
    stream.flush()


def discard_output() -> None:
    """Let what is still buffered for a reader who went away vanish, so that the exit is silent."""
    try:
        descriptor = sys.stdout.fileno()
    except (OSError, ValueError):
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)
