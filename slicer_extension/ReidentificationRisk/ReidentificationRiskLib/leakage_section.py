"""What the image gives away of the patient, one block of lines for each attribute."""

from typing import Any, Dict, List, Optional

import qt

from ReidentificationRiskLib.bar import paint_bar
from ReidentificationRiskLib.i18n import tr as _
from ReidentificationRiskLib.rows import Leak, leaks, not_known
from ReidentificationRiskLib.section import Section
from ReidentificationRiskLib.wording import percent


class LeakageSection(Section):
    """Draws guesses, their probability against the prior, the bits gained, and how good such guesses are."""

    UI = "LeakageSection.ui"

    def prepare(self) -> None:
        """Follow the report."""
        self._blocks: List[Any] = []
        self.logic.report_changed.connect(self._on_report)

    def update(self) -> None:
        """Show it while there is a report."""
        self.widget.setVisible(self.logic.report is not None)

    def _on_report(self, report: Optional[Dict[str, Any]]) -> None:
        self._clear()
        if report is None:
            return
        found = leaks(report)
        for i, leak in enumerate(found):
            block = _block(leak, i)
            self.ui.leaksLayout.addWidget(block)
            self._blocks.append(block)
        missing = not_known(report)
        if not found and not missing:
            missing = _("Not known: too few subjects are enrolled for that, or the scan is unlike them.")
        self.ui.leakageNoteLabel.setText(missing)
        self.ui.leakageNoteLabel.setVisible(bool(missing))

    def _clear(self) -> None:
        for block in self._blocks:
            self.ui.leaksLayout.removeWidget(block)
            block.hide()
            block.deleteLater()
        self._blocks = []


def _block(leak: Leak, i: int) -> Any:
    """Give the lines of one attribute, its widgets named by its place."""
    block = qt.QWidget()
    grid = qt.QGridLayout(block)
    grid.setContentsMargins(0, 0, 0, 4)
    grid.setVerticalSpacing(2)
    guess = _label(f"leakGuess{i}", f"{leak.attribute}: {leak.guess}", _("The attribute, and what is guessed of it."))
    bold = guess.font  # no style sheet: that would keep the colours of the palette it was made under
    bold.setBold(True)
    guess.setFont(bold)
    grid.addWidget(guess, 0, 0, 1, 2)
    if leak.p is not None:
        chance = _label(f"leakChance{i}", _chance(leak), _("The guess's probability, and what it would be unseen."))
        bar = qt.QLabel()
        bar.setObjectName(f"leakBar{i}")
        bar.setPixmap(paint_bar(leak.p, leak.prior))
        bar.setToolTip(_("Blue: the probability of the guess. Black mark: what it would be without the image."))
        grid.addWidget(bar, 1, 0)
        grid.addWidget(chance, 1, 1)
    bits = _("{bits} bits gained. ").format(bits=leak.bits)
    quality = _label(
        f"leakQuality{i}", bits + leak.quality, _("How much the image tells, and how good such guesses are.")
    )
    grid.addWidget(quality, 2, 0, 1, 2)
    grid.setColumnStretch(1, 1)
    return block


def _chance(leak: Leak) -> str:
    if leak.prior is None:
        return percent(leak.p)
    return _("{p}, unseen {prior}").format(p=percent(leak.p), prior=percent(leak.prior))


def _label(name: str, text: str, tip: str) -> Any:
    label = qt.QLabel(text)
    label.setObjectName(name)
    label.setTextFormat(qt.Qt.PlainText)
    label.setWordWrap(True)
    label.setToolTip(tip)
    return label
