"""One group of the panel's controls, drawn from its own UI file."""

import os
from typing import Any

import slicer
from slicer.util import VTKObservationMixin

UI_FOLDER = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "Resources", "UI")


class Section(VTKObservationMixin):
    """Draws one group of controls and hands on what the user does there; its work is done by logic objects.

    A section names its file in ``UI``, and may have its say at each of the moments below.

    Parameters
    ----------
    panel
        The panel that it belongs to: its ``logic``, ``say``, ``may_send`` and ``update`` are for every section.

    Attributes
    ----------
    widget
        What the UI file describes, to be put into the panel.
    ui
        The named widgets of that file.
    """

    UI = ""

    def __init__(self, panel: Any) -> None:
        super().__init__()
        self.panel = panel
        self.logic = panel.logic
        self.widget = slicer.util.loadUI(os.path.join(UI_FOLDER, self.UI))
        self.ui = slicer.util.childWidgetVariables(self.widget)

    def prepare(self) -> None:
        """Fill in what no UI file can say, and connect; once, when the widgets are in the panel."""

    def refresh(self) -> None:
        """Show what the scene and the settings say: at opening, and after a scene was closed or loaded."""

    def update(self) -> None:
        """Show, hide, enable and disable as things are now; may come at any time, and twice is no harm."""

    def close(self) -> None:
        """Stop what runs and let go of the scene; whoever overrides it calls this one too."""
        self.removeObservers()
