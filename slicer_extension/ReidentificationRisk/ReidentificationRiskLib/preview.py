"""Small pictures as a server sends them: PNG in base64."""

import base64
import binascii
from typing import Any, Optional

import qt

LONGEST = 2_000_000  # characters; a picture of 256 pixels has far fewer
PNG = b"\x89PNG\r\n\x1a\n"


def png_of(text: Any) -> Optional[bytes]:
    """Give the PNG file that a text holds, or None where it holds none."""
    if not isinstance(text, str) or not 0 < len(text) <= LONGEST:
        return None
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return content if content.startswith(PNG) else None


def show_preview(label: Any, text: Any, side: int) -> bool:
    """Show a picture in a label, at most ``side`` pixels wide and high; whether there was one."""
    content = png_of(text)
    image = qt.QImage()
    if content is None or not image.loadFromData(qt.QByteArray(content)):
        label.clear()
        return False
    pixmap = qt.QPixmap.fromImage(image)
    label.setPixmap(pixmap.scaled(side, side, qt.Qt.KeepAspectRatio, qt.Qt.SmoothTransformation))
    return True
