"""Slicer's door to the panel: metadata, and the panel's life. Everything else is in ReidentificationRiskLib."""

import sys

import slicer
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)


class ReidentificationRisk(ScriptedLoadableModule):
    """The module as Slicer lists it."""

    def __init__(self, parent):
        super().__init__(parent)
        parent.title = _("Re-identification Risk")
        parent.categories = [translate("qSlicerAbstractCoreModule", "Informatics")]
        parent.dependencies = []
        parent.contributors = ["The Re-identification Risk contributors"]
        parent.helpText = _(
            "Measures, before a scan is shared, how easily its pixels identify the patient: the nearest enrolled "
            "identities, the risk, and what the image gives away of sex, age and more. A server does the work: "
            "start one with <tt>reid-engine serve --gallery DIR</tt>. Nothing is sent before you agree. "
            "Also shown: what would lower the risk, and, without any server, what the DICOM header still says. "
            "Decision support, not a determination: no match is no proof of safety."
        )
        parent.acknowledgementText = _(
            "The risk was described by Nebbia et al., npj Digital Medicine 8:469 (2025), "
            '<a href="https://doi.org/10.1038/s41746-025-01801-0">doi 10.1038/s41746-025-01801-0</a>.'
        )
        slicer.app.connect("startupCompleted()", self.register_sample_data)

    def register_sample_data(self):
        """Put the phantom into the Sample Data module, once that is there."""
        from ReidentificationRiskLib.sample_data import register_sample_data

        register_sample_data()


class ReidentificationRiskWidget(ScriptedLoadableModuleWidget):
    """Holds the panel between setup and cleanup."""

    def __init__(self, parent=None):
        self.panel = None
        super().__init__(parent)

    def setup(self):
        """Build the panel from its UI file."""
        super().setup()
        from ReidentificationRiskLib.widget import Panel

        root = slicer.util.loadUI(self.resourcePath("UI/ReidentificationRisk.ui"))
        self.layout.addWidget(root)
        self.panel = Panel(root)

    def enter(self):
        """Show what changed in the scene while another module was open."""
        if self.panel is not None:
            self.panel.enter()

    def cleanup(self):
        """Stop a running check and let go of the scene."""
        if self.panel is not None:
            self.panel.close()
            self.panel = None

    def onReload(self):
        """Reload the library along with the module, for developers."""
        for name in [name for name in sys.modules if name.split(".")[0] == "ReidentificationRiskLib"]:
            del sys.modules[name]
        super().onReload()


class ReidentificationRiskTest(ScriptedLoadableModuleTest):
    """What Slicer's Reload and Test runs: the tests in Testing/Python, where the extension's source is at hand."""

    def runTest(self):
        """Check that the panel opens, closes and leaves nothing behind; the story is in Testing/Python."""
        slicer.mrmlScene.Clear(0)
        widget = ReidentificationRiskWidget()
        assert widget.panel is not None
        assert widget.panel.report is None
        widget.cleanup()
        widget.parent.deleteLater()
