"""What a user does to Slicer, for tests and pictures."""

import importlib
import sys
import time
from collections.abc import Callable
from typing import Any

from slicer_harness import MODULE


def open_module(name: str = "ReidentificationRisk") -> Any:
    """Open the module as Slicer does; give its widget object. Call its ``cleanup`` at the end."""
    if str(MODULE) not in sys.path:
        sys.path.insert(0, str(MODULE))
    module = importlib.import_module(name)
    return getattr(module, f"{name}Widget")()


def wait_until(condition: Callable[[], Any], seconds: float = 20.0) -> bool:
    """Let Qt's events happen until the condition holds; whether it did in time."""
    import slicer

    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        slicer.app.processEvents()
        time.sleep(0.002)
    return True


class Answering:
    """While it lasts, answers every dialog by pressing the button with this text; counts them and keeps their texts."""

    def __init__(self, button: str) -> None:
        import qt

        self.button = button
        self.texts: list[str] = []
        self._timer = qt.QTimer()
        self._timer.interval = 5
        self._timer.connect("timeout()", self._press)

    def __enter__(self) -> "Answering":
        self._timer.start()
        return self

    def __exit__(self, *exc: Any) -> None:
        self._timer.stop()

    def _press(self) -> None:
        import slicer

        dialog = slicer.app.activeModalWidget()
        if dialog is None:
            return
        self.texts.append(f"{dialog.text}\n{dialog.informativeText}")
        next(b for b in dialog.buttons() if b.text.replace("&", "") == self.button).click()


def fit_to_width(widget: Any, width: int) -> None:
    """Give a top-level widget this width and the height that its contents then want, as a scroll area would."""
    import slicer

    for _ in range(6):  # texts that wrap settle their height one level a time, and tables after them
        slicer.app.processEvents()
        widget.resize(width, widget.layout().totalHeightForWidth(width))
    slicer.app.processEvents()
