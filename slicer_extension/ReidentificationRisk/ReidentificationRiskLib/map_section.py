"""Why it matched: the map of the regions that made it, laid over the scan."""

from typing import Any, Dict

from ReidentificationRiskLib.i18n import tr as _
from ReidentificationRiskLib.overlay import Overlay
from ReidentificationRiskLib.section import Section
from ReidentificationRiskLib.wording import NOTHING, finite, number, percent

CORRESPONDENCE = "patch correspondence"  # as the server calls it


class MapSection(Section):
    """Asks for the map, and shows, fades and removes it."""

    UI = "MapSection.ui"

    def prepare(self) -> None:
        """Connect the button, the slider and the check box with the overlay."""
        ui = self.ui
        self.overlay = Overlay(self.logic)
        ui.explainButton.connect("clicked()", self._on_explain)
        ui.mapCheck.connect("toggled(bool)", self.overlay.show)
        ui.opacitySlider.connect("valueChanged(int)", self._on_opacity)
        ui.removeMapButton.connect("clicked()", self.overlay.remove)
        self.overlay.changed.connect(self.update)
        self.logic.match_changed.connect(self.update)

    def refresh(self) -> None:
        """Show the opacity that the scene keeps."""
        self.ui.opacitySlider.setValue(round(100 * self.logic.parameters.opacity))

    def update(self, *what: object) -> None:
        """Show what can be done with the map, or why there is none."""
        ui, overlay, report = self.ui, self.overlay, self.logic.report
        self.widget.setVisible(bool(report and report["matches"]))
        ui.mapArea.setVisible(overlay.there)
        blocked = ui.mapCheck.blockSignals(True)
        ui.mapCheck.setChecked(overlay.visible)
        ui.mapCheck.blockSignals(blocked)
        ui.opacitySlider.setEnabled(overlay.visible)
        ui.explainButton.setEnabled(not self.logic.busy)
        ui.explainButton.setText(self._offer())
        ui.mapLabel.setText(self._sentence())

    def close(self) -> None:
        """Take the map away."""
        self.overlay.close()
        super().close()

    def _offer(self) -> str:
        match = self.logic.match
        if match is None or not match.get("subject_id"):
            return _("Show &why")
        return _("Show &why it matched {subject}").format(subject=str(match["subject_id"]).replace("&", "&&"))

    def _sentence(self) -> str:
        """Say what is seen, or why nothing is."""
        if self.overlay.sentence:
            return self.overlay.sentence
        report = self.logic.report or {}
        said = report.get("explanation")
        if not self.overlay.there or not isinstance(said, dict):
            return _(
                "Which regions of the scan made the match? The server finds out by comparing patches with the enrolled "
                "image, or by blurring each region in turn."
            )
        return _corresponding(said) if said.get("method") == CORRESPONDENCE else _lost(said)

    def _on_explain(self) -> None:
        if self.panel.may_send():
            match = self.logic.match or {}
            self.logic.check(explain=True, subject=str(match.get("subject_id") or ""))

    def _on_opacity(self, value: int) -> None:
        self.overlay.set_opacity(value / 100)


def _lost(said: Dict[str, Any]) -> str:
    """Say what the colours mean where regions were blurred in turn."""
    lost, subject = percent(said.get("most_lost")), said.get("subject_id")
    sentence = _("Bright: what made the scan match subject {subject}.").format(subject=subject or NOTHING)
    if lost != NOTHING:
        sentence += _(
            " Without the brightest region {lost} of the similarity would be lost; below a tenth of that nothing "
            "is drawn."
        ).format(lost=lost)
    return sentence


def _corresponding(said: Dict[str, Any]) -> str:
    """Say what the colours mean where patches were compared."""
    subject, margin = said.get("subject_id") or NOTHING, finite(said.get("margin"))
    if margin == 0:
        return _("Nothing in the scan is more like the image of subject {subject} than like other subjects'.").format(
            subject=subject
        )
    sentence = _("Bright: what is more like the image of subject {subject} than like other subjects'.").format(
        subject=subject
    )
    if margin is not None:
        sentence += _(
            " The brightest patch is more like it by {margin} (cosine; 1 is the most); below a tenth of that nothing "
            "is drawn."
        ).format(margin=number(margin, 2))
    return sentence
