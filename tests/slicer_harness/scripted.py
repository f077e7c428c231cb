"""What a scripted module's three classes inherit from: the part of Slicer's that this extension uses."""

import os
import unittest
from typing import Any

qt: Any = None
slicer: Any = None

__all__ = [
    "ScriptedLoadableModule",
    "ScriptedLoadableModuleLogic",
    "ScriptedLoadableModuleTest",
    "ScriptedLoadableModuleWidget",
]


class ScriptedLoadableModule:
    """The module's description; Slicer hands it the C++ object to be described."""

    def __init__(self, parent: Any) -> None:
        self.parent = parent

    def getDefaultModuleDocumentationLink(self, docPage: Any = None) -> str:
        return ""


class ScriptedLoadableModuleWidget:
    """The module's panel: ``parent`` is a qMRMLWidget with a vertical layout."""

    def __init__(self, parent: Any = None) -> None:
        self.moduleName = type(self).__name__[: -len("Widget")]
        self.developerMode = False
        self.parent = parent or slicer.qMRMLWidget()
        if parent is None:
            self.parent.setLayout(qt.QVBoxLayout())
            self.parent.setMRMLScene(slicer.mrmlScene)
        self.layout = self.parent.layout()
        if parent is None:
            self.setup()
            self.parent.show()

    def resourcePath(self, filename: str) -> str:
        module = __import__(self.moduleName)
        return os.path.join(os.path.dirname(module.__file__), "Resources", filename)

    def setup(self) -> None:
        self.developerMode = False

    def enter(self) -> None:
        """Slicer calls it when the module is shown."""

    def exit(self) -> None:
        """Slicer calls it when another module is shown."""

    def cleanup(self) -> None:
        """Slicer calls it when it ends or reloads the module."""


class ScriptedLoadableModuleLogic:
    """The module's logic."""

    def __init__(self, parent: Any = None) -> None:
        self.moduleName = type(self).__name__[: -len("Logic")]


class ScriptedLoadableModuleTest(unittest.TestCase):
    """The module's test, run from the Reload and Test button."""

    def delayDisplay(self, message: str, *args: Any, **kwargs: Any) -> None:
        """Slicer shows the message for a moment."""
