"""Draw the module's icons: python draw_icon.py [FOLDER].

The module's own shows the lines of a fingertip in the corners of a view finder, Sample Data's the phantom.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from slicer_harness import MODULE, start

SIZE = 128
PHANTOM_SIZE = 160
RIDGES = ((10, 14, 0), (20, 26, 1), (30, 38, 2), (40, 50, 3))  # half width, half height, where its gap is


def main(folder: Path) -> None:
    """Draw and save."""
    start()
    _draw_module().save(str(folder / "ReidentificationRisk.png"))
    _draw_phantom().save(str(folder / "PhantomChest.png"))


def _draw_module():
    import qt

    icon = qt.QImage(SIZE, SIZE, qt.QImage.Format_ARGB32)
    icon.fill(qt.Qt.transparent)
    painter = qt.QPainter(icon)
    painter.setRenderHint(qt.QPainter.Antialiasing)
    painter.setBrush(qt.QColor("#1f4e79"))
    painter.setPen(qt.Qt.NoPen)
    painter.drawRoundedRect(2, 2, SIZE - 4, SIZE - 4, 20, 20)
    painter.setBrush(qt.Qt.NoBrush)
    _draw_ridges(painter, qt)
    _draw_corners(painter, qt)
    painter.end()
    return icon


def _draw_phantom():
    import numpy as np
    from PIL import Image

    sys.path.insert(0, str(MODULE))
    from ReidentificationRiskLib.phantom import GREYS, draw_chest

    chest = (draw_chest() * (255.0 / GREYS)).astype(np.uint8)
    return Image.fromarray(chest).resize((PHANTOM_SIZE, PHANTOM_SIZE))


def _draw_ridges(painter, qt) -> None:
    painter.setPen(qt.QPen(qt.QColor("white"), 5, qt.Qt.SolidLine, qt.Qt.RoundCap))
    for half_width, half_height, turn in RIDGES:
        box = qt.QRectF(64 - half_width, 66 - half_height, 2 * half_width, 2 * half_height)
        start_angle = -72 + 14 * turn
        painter.drawArc(box, start_angle * 16, (262 - 12 * turn) * 16)
    painter.drawLine(64, 62, 64, 74)


def _draw_corners(painter, qt) -> None:
    painter.setPen(qt.QPen(qt.QColor("#ffb547"), 6, qt.Qt.SolidLine, qt.Qt.SquareCap))
    for x, dx in ((14, 1), (SIZE - 14, -1)):
        for y, dy in ((14, 1), (SIZE - 14, -1)):
            painter.drawLine(x, y, x + 18 * dx, y)
            painter.drawLine(x, y, x, y + 18 * dy)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else MODULE / "Resources" / "Icons")
