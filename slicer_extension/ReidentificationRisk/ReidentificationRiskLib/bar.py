"""A small bar: a probability, and a mark where it would be without the image."""

from typing import Any, Optional

import qt

WIDTH, HEIGHT = 120, 12  # pixels
FULL, EMPTY, EDGE, MARK = "#3f6fb0", "#dfe3ea", "#7c8494", "#1a1a1a"


def paint_bar(p: Optional[float], prior: Optional[float]) -> Any:
    """Give the picture; it has its own light ground, so that it reads on a dark panel as well."""
    picture = qt.QPixmap(WIDTH, HEIGHT)
    picture.fill(qt.QColor(EMPTY))
    painter = qt.QPainter(picture)
    if p is not None:
        painter.fillRect(0, 0, round(_part(p) * WIDTH), HEIGHT, qt.QColor(FULL))
    painter.setPen(qt.QColor(EDGE))
    painter.drawRect(0, 0, WIDTH - 1, HEIGHT - 1)
    if prior is not None:
        at = min(max(round(_part(prior) * WIDTH), 2), WIDTH - 3)
        painter.fillRect(at - 2, 0, 5, HEIGHT, qt.QColor("white"))
        painter.fillRect(at - 1, 0, 3, HEIGHT, qt.QColor(MARK))
    painter.end()
    return picture


def _part(p: float) -> float:
    return min(max(p, 0.0), 1.0)
