"""The panel: a frame around its sections, which draw what the logic says and hand on what the user does."""

from typing import Any, Callable, Dict, Optional

import slicer
from slicer.util import VTKObservationMixin

from ReidentificationRiskLib.batch_section import BatchSection
from ReidentificationRiskLib.caveats_section import CaveatsSection
from ReidentificationRiskLib.check_section import CheckSection
from ReidentificationRiskLib.consent import ask_consent
from ReidentificationRiskLib.earlier_section import EarlierSection
from ReidentificationRiskLib.errors import PanelError
from ReidentificationRiskLib.header_section import HeaderSection
from ReidentificationRiskLib.i18n import tr as _
from ReidentificationRiskLib.leakage_section import LeakageSection
from ReidentificationRiskLib.logic import CheckLogic, obvious_volume
from ReidentificationRiskLib.map_section import MapSection
from ReidentificationRiskLib.matches_section import MatchesSection
from ReidentificationRiskLib.measures_section import MeasuresSection
from ReidentificationRiskLib.report_section import ReportSection
from ReidentificationRiskLib.result_section import ResultSection
from ReidentificationRiskLib.scan_section import ScanSection
from ReidentificationRiskLib.server_section import ServerSection

SECTIONS = (
    ServerSection,
    ScanSection,
    CheckSection,
    EarlierSection,
    ResultSection,
    MatchesSection,
    MapSection,
    LeakageSection,
    CaveatsSection,
    MeasuresSection,
    HeaderSection,
    ReportSection,
    BatchSection,
)
"""What the panel is made of, from top to bottom; that is the order of the keyboard too."""


class Panel(VTKObservationMixin):
    """Puts the sections together, and says what concerns all of them.

    Parameters
    ----------
    root
        The widget loaded from ReidentificationRisk.ui.
    logic
        What does the work; one of its own if none is given.
    consent
        Asks whether scans may be sent to an address: a dialog unless something else is given.

    Attributes
    ----------
    sections
        One of each of SECTIONS.
    ui
        The named widgets of all sections.
    """

    def __init__(
        self,
        root: Any,
        logic: Optional[CheckLogic] = None,
        consent: Callable[[str, Any], bool] = ask_consent,
    ) -> None:
        super().__init__()
        self.root = root
        self.logic = logic or CheckLogic()
        self.ask_consent = consent
        self.root.setMRMLScene(slicer.mrmlScene)
        self.sections = [section(self) for section in SECTIONS]
        column = slicer.util.childWidgetVariables(root).sectionsLayout
        for section in self.sections:
            column.addWidget(section.widget)
        self.ui = slicer.util.childWidgetVariables(root)
        for section in self.sections:
            section.prepare()
        scene = slicer.mrmlScene
        self.addObserver(scene, scene.EndCloseEvent, self._on_scene)
        self.addObserver(scene, scene.EndImportEvent, self._on_scene)
        for signal in (self.logic.started, self.logic.finished, self.logic.failed, self.logic.cancelled):
            signal.connect(self.update)
        for signal in (self.logic.volume_changed, self.logic.report_changed, self.logic.connection.changed):
            signal.connect(self.update)
        self.refresh()

    @property
    def report(self) -> Optional[Dict[str, Any]]:
        """The report that is shown, or None."""
        return self.logic.report

    def enter(self) -> None:
        """Show what changed meanwhile, and ask the server what it is where that is not known."""
        self.refresh()
        self.logic.connection.ask_once()

    def refresh(self) -> None:
        """Show what the scene and the settings say, choosing the only or active volume where none is chosen."""
        self.logic.select(self.logic.parameters.volume or obvious_volume())
        for section in self.sections:
            section.refresh()
        self.update()

    def update(self, *what: Any) -> None:
        """Have every section show, hide, enable and disable as things are now."""
        for section in self.sections:
            section.update()

    def say(self, sentence: str, alarming: bool = False) -> None:
        """Show one sentence below the check button; "" takes it away."""
        self._section(CheckSection).say(sentence, alarming)

    def may_send(self) -> bool:
        """Whether a scan can and may be sent to the address, asking the user where they were not; says why not."""
        self._section(ServerSection).take_address()
        try:
            address = self.logic.ready_address()
        except PanelError as error:
            self.say(str(error), alarming=True)
            return False
        self.logic.connection.move(address)
        if self.logic.has_agreed():
            return True
        if not self.ask_consent(address, slicer.util.mainWindow()):
            self.say(_("Nothing was sent."))
            return False
        self.logic.settings.agree(address)
        self.refresh()
        return True

    def close(self) -> None:
        """Stop what runs and let go of the scene."""
        for section in self.sections:
            section.close()
        self.logic.close()
        self.removeObservers()

    def _section(self, kind: Any) -> Any:
        return next(section for section in self.sections if type(section) is kind)

    def _on_scene(self, caller: Any, event: Any) -> None:
        self.refresh()
