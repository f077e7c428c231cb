"""Asking the user where a file shall go."""

from typing import Any

import qt

FOLDER = "ReidentificationRisk/Folder"


def ask_path(parent: Any, title: str, name: str, kind: str) -> str:
    """Ask for a file of a kind such as "html", beginning in the folder of the last one; "" when the user cancels."""
    begin = qt.QDir(str(qt.QSettings().value(FOLDER) or qt.QDir.homePath())).filePath(name)
    path = qt.QFileDialog.getSaveFileName(parent, title, begin, f"{kind.upper()} (*.{kind})")
    if not path:
        return ""
    qt.QSettings().setValue(FOLDER, qt.QFileInfo(path).absolutePath())
    return path if path.lower().endswith("." + kind) else f"{path}.{kind}"
