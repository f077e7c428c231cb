"""A signal of plain Python, so that logic needs no QObject."""

from typing import Any, Callable, List


class Signal:
    """Calls whoever is connected, in the order of connecting."""

    def __init__(self) -> None:
        self._receivers: List[Callable[..., Any]] = []

    def connect(self, receiver: Callable[..., Any]) -> None:
        """Have a receiver called; connecting it twice calls it once."""
        if receiver not in self._receivers:
            self._receivers.append(receiver)

    def disconnect(self, receiver: Callable[..., Any]) -> None:
        """Have a receiver called no more."""
        if receiver in self._receivers:
            self._receivers.remove(receiver)

    def emit(self, *values: Any) -> None:
        """Call the receivers that are connected now."""
        for receiver in tuple(self._receivers):
            receiver(*values)
