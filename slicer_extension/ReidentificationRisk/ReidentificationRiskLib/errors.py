"""What can go wrong, told in one sentence that a user can act upon."""


class PanelError(Exception):
    """A failure whose message is one sentence for the user: what happened, and what to do."""


UNREACHABLE, SIGN_IN, NOT_ALLOWED, NOT_THERE = "unreachable", "sign_in", "not_allowed", "not_there"


class ClientError(PanelError):
    """The server could not be asked, refused, or answered with something else than what was asked for.

    ``kind`` is UNREACHABLE, SIGN_IN (a token is wanted), NOT_ALLOWED, NOT_THERE, or "" for all else.
    """

    def __init__(self, sentence: str, kind: str = "") -> None:
        super().__init__(sentence)
        self.kind = kind


class ExportError(PanelError):
    """The selected volume cannot be sent."""


def one_line(text: str, limit: int) -> str:
    """Give somebody else's words as one printable line of at most ``limit`` characters."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def reason(error: OSError) -> str:
    """Say in a few words why the operating system refused."""
    return one_line(error.strerror or str(error) or type(error).__name__, 120)
