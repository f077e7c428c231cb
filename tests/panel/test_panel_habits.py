"""What every part of the panel has to keep to: tooltips, the keyboard's order, room for its texts, translation, reload."""

import ast
import itertools
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from slicer_harness import MODULE
from slicer_harness.driving import Answering, fit_to_width, open_module, wait_until
from slicer_harness.fake_server import FakeServer, our_info
from slicer_harness.images import nifti
from slicer_harness.samples import sample_report

LIB = MODULE / "ReidentificationRiskLib"
WIDTHS = (320, 430, 460, 520)


def full_report(**risk) -> dict:
    """Give a report with texts as long as they come."""
    report = sample_report(**risk)
    report["scan"].update(modality="CFP", laterality="L")
    report["matches"][0].update(near_duplicate=True, same_session=True, laterality="L", subject_id="S-3F2A91C0D4")
    report["leakage"][1].update(prediction=61.4, interval95=[37.2, 88.8], probe_mae=12.5, probe_mae_ci95=[10.7, 14.4])
    report["leakage_unknown"] = [{"attribute": "smoking_status", "reason": "only 3 of its classes have 20 subjects"}]
    report["explanation"] = {"subject_id": "S-3F2A91C0D4", "sample_id": "a/1.png", "similarity": 0.8, "most_lost": 0.2}
    return report


@pytest.fixture
def everything(module, ui, slicer):
    """Give the panel with all there is to show: signed in, a result, a match beside it, a map over it."""
    scan = slicer.util.addVolumeFromArray(np.arange(40 * 50, dtype=np.int16).reshape(1, 40, 50), name="a scan")
    map_ = nifti(np.ones((1, 40, 50), np.float32), np.eye(4))
    match = nifti(np.zeros((1, 20, 20), np.uint8))
    module.panel.refresh()
    with FakeServer(
        lambda handler: handler.reply_with_file(full_report(), map_, "map.nii.gz"),
        token="a-token-of-the-operator",
        enrolled={"a/1.png": match},
    ) as server:
        ui.serverEdit.text = server.address
        ui.explainCheck.setChecked(True)
        ui.connectButton.click()
        assert wait_until(lambda: ui.tokenEdit.isVisibleTo(module.parent))
        ui.tokenEdit.text = "a-token-of-the-operator"
        with Answering("Agree and send"):
            ui.checkButton.click()
        assert wait_until(lambda: not module.panel.logic.busy)
        assert ui.mapArea.isVisibleTo(module.parent)
        ui.matchesTable.selectRow(0)
        assert wait_until(lambda: ui.compareLabel.text.startswith("Left"))
        yield module
        slicer.app.layoutManager().setLayout(3)
    assert scan is not None


def controls(module) -> list:
    """Give everything that can be clicked, typed into or chosen from, in no order."""
    import slicer

    kinds = ("QAbstractButton", "QLineEdit", "QComboBox", "QAbstractSlider", "QTableWidget", "qMRMLNodeComboBox")
    found = [w for w in slicer.util.findChildren(module.parent) if w.objectName and any(map(w.inherits, kinds))]
    return [w for w in found if not w.objectName.startswith("qt_")]


def test_every_control_says_what_it_is_for(everything) -> None:
    found = controls(everything)
    assert len(found) > 15
    silent = [w.objectName for w in found if len(w.toolTip) < 15]
    assert silent == []


def test_no_two_widgets_share_a_name(everything) -> None:
    names = [w.objectName for w in controls(everything)]
    assert len(names) == len(set(names))


def test_no_two_controls_share_a_key(everything) -> None:
    import slicer

    texts = [
        w.text
        for w in slicer.util.findChildren(everything.parent)
        if w.inherits("QAbstractButton") or w.inherits("QLabel")
    ]
    keys = sorted(key[1].lower() for text in texts if (key := re.search("(?<!&)&([a-zA-Z])", text or "")))
    assert len(keys) > 10
    assert len(keys) == len(set(keys)), keys


def test_the_keyboard_goes_from_top_to_bottom(everything) -> None:
    """Along the focus chain each control lies below the one before, or beside it to the right."""
    import qt

    fit_to_width(everything.parent, 460)
    known = {id(w): w for w in controls(everything) if w.isVisibleTo(everything.parent)}
    chain, here = [], everything.parent.nextInFocusChain()
    while here is not everything.parent and len(chain) < 500:
        if here.objectName and any(here is w for w in known.values()) and here.focusPolicy & qt.Qt.TabFocus:
            chain.append(here)
        here = here.nextInFocusChain()
    assert len(chain) > 12
    places = []
    for widget in chain:
        corner = widget.mapTo(everything.parent, qt.QPoint(0, 0))
        places.append((corner.y() + widget.height // 2, corner.x(), widget.objectName))
    for (y0, x0, first), (y1, x1, second) in itertools.pairwise(places):
        assert y1 > y0 + 6 or (abs(y1 - y0) <= 6 and x1 > x0) or first.endswith("Section"), (first, second)


def cut_off(module) -> list[str]:
    """Give the names of what has less room than it needs."""
    import qt

    short = []
    for label in module.parent.findChildren(qt.QLabel):
        if not label.isVisibleTo(module.parent) or not label.text:
            continue
        needed = label.heightForWidth(label.width) if label.wordWrap else label.sizeHint().height()
        words = label.minimumSizeHint().width() if label.wordWrap else label.sizeHint().width()
        if label.height < needed or label.width < words:
            short.append(label.objectName)
    for button in module.parent.findChildren(qt.QPushButton) + module.parent.findChildren(qt.QCheckBox):
        if button.isVisibleTo(module.parent) and button.width < button.minimumSizeHint().width():
            short.append(button.objectName)
    for table in module.parent.findChildren(qt.QTableWidget):
        if table.isVisibleTo(module.parent):
            short += _cut_off_cells(table)
    return short


def _cut_off_cells(table) -> list[str]:
    import qt

    short = [f"{table.objectName} scrolls"] if table.horizontalScrollBar().maximum else []
    for j in range(table.columnCount):
        if table.isColumnHidden(j):
            continue
        if table.columnWidth(j) < table.horizontalHeader().sectionSizeHint(j):
            short.append(f"{table.objectName} head {j}")
        for i in range(table.rowCount):
            option = qt.QRect(0, 0, table.columnWidth(j) - 6, 1000)
            metrics = qt.QFontMetrics(table.font)
            text = table.item(i, j).text()
            needed = metrics.boundingRect(option, int(qt.Qt.TextWordWrap), text)
            if needed.width() > option.width() or needed.height() > table.rowHeight(i):
                short.append(
                    f"{table.objectName} {i},{j}: {text} needs {needed} has {option.width()} {table.rowHeight(i)}"
                )
    return short


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_is_cut_off_with_all_there_is(everything, width: int) -> None:
    fit_to_width(everything.parent, width)
    assert everything.parent.width == width
    assert cut_off(everything) == []


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("state", ["first", "no server", "running", "low", "unknown", "refused"])
def test_nothing_is_cut_off_in_other_states(module, ui, volume, width: int, state: str) -> None:
    reports = {
        "low": full_report(level="low", p_reidentified=0.02, ci95=[0.01, 0.05], anonymity_set=120.4),
        "unknown": full_report(level="unknown", reason="The scan does not look like the CFP images of this gallery."),
    }
    if state == "no server":
        ui.serverEdit.text = "127.0.0.1:1"
        ui.connectButton.click()
        assert wait_until(lambda: module.panel.logic.connection.state == "failed")
    elif state in reports:
        module.panel.logic.connection.hear({"event": "server", "info": our_info()})
        module.panel.logic._on_answer({"event": "result", "report": reports[state]})
    elif state == "refused":
        module.panel.logic.failed.emit(
            "The server at http://127.0.0.1:8000 refused: the scan is smaller than 32 pixels."
        )
    elif state == "running":
        ui.progressArea.setVisible(True)
        ui.progressLabel.setText(
            "The server is comparing the scan with its gallery, and finding out what made the match"
        )
    fit_to_width(module.parent, width)
    assert module.parent.width == width
    assert cut_off(module) == []


@pytest.mark.parametrize("style", ["STYLES", "COLOURS", "ALARM"])
def test_coloured_texts_bring_their_own_ground(style: str, slicer) -> None:
    """Or they could not be read on a dark palette; contrast at least 4.5, as WCAG wants it."""
    from ReidentificationRiskLib.check_section import ALARM
    from ReidentificationRiskLib.connection_words import COLOURS
    from ReidentificationRiskLib.headline import INK, STYLES, WORDS

    def channel(value: int) -> float:
        part = value / 255
        return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4

    def light(colour: str) -> float:
        red, green, blue = (channel(int(colour[i : i + 2], 16)) for i in (1, 3, 5))
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    pairs = []
    if style == "STYLES":
        for level, sheet in STYLES.items():
            ground = re.search(r"background: (#\w{6})", sheet)[1]
            pairs += [(INK, ground), (WORDS[level], ground)]
    else:
        for sheet in COLOURS.values() if style == "COLOURS" else [ALARM]:
            pairs.append((re.search(r"(?<!-)color: (#\w{6})", sheet)[1], re.search(r"background: (#\w{6})", sheet)[1]))
    for ink, ground in pairs:
        bright, dark = sorted((light(ink), light(ground)), reverse=True)
        assert (bright + 0.05) / (dark + 0.05) >= 4.5, (ink, ground)


def test_texts_without_a_ground_follow_the_palette(slicer, module, ui, server, volume) -> None:
    """A user who changes Slicer's style while a result is shown must still be able to read it."""
    import qt

    ui.serverEdit.text = server.address
    with Answering("Agree and send"):
        ui.checkButton.click()
    assert wait_until(lambda: not module.panel.logic.busy)
    before, palette = slicer.app.palette(), qt.QPalette()
    for role, colour in (("Window", "#2b2b2b"), ("WindowText", "#e6e6e6")):
        palette.setColor(getattr(qt.QPalette, role), qt.QColor(colour))
    try:
        slicer.app.setPalette(palette)
        slicer.app.processEvents()
        labels = [label for label in module.parent.findChildren(qt.QLabel) if label.isVisibleTo(module.parent)]
        plain = [label for label in labels if not label.styleSheet and label.parent().name != "headlineFrame"]
        assert {"leakGuess0", "leakQuality0", "sourceLabel"} <= {label.name for label in plain}
        assert [x.name for x in labels if x not in plain] == [
            "stateLabel",
            "levelLabel",
            "sentenceLabel",
            "detailsLabel",
        ]
        inks = {label.name: label.palette.color(qt.QPalette.WindowText).name() for label in plain}
        assert set(inks.values()) == {"#e6e6e6"}, inks
        assert next(label for label in plain if label.name == "leakGuess0").font.bold()
    finally:
        slicer.app.setPalette(before)
        slicer.app.processEvents()


def sentences(tree: ast.AST) -> list[str]:
    """Give the texts that are handed to a widget or to ``say`` as they are written, past translation."""
    showing = {"setText", "setToolTip", "setWindowTitle", "say", "addItem", "setPlaceholderText", "_say"}
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in showing:
            texts = [a for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
            found += [a.value for a in texts if any(c.isalpha() for c in a.value)]
    return found


@pytest.mark.parametrize("file", [*sorted(LIB.glob("*_section.py")), LIB / "consent.py", LIB / "widget.py"], ids=str)
def test_texts_can_be_translated(file: Path) -> None:
    assert sentences(ast.parse(file.read_text(encoding="utf-8"))) == []


def test_after_a_reload_the_panel_opens_with_new_code(module, slicer, monkeypatch: pytest.MonkeyPatch) -> None:
    base = sys.modules["slicer.ScriptedLoadableModule"].ScriptedLoadableModuleWidget
    monkeypatch.setattr(base, "onReload", lambda self: None, raising=False)
    kept = {name: m for name, m in sys.modules.items() if name.startswith("ReidentificationRiskLib")}
    old = type(module.panel)
    module.cleanup()
    module.onReload()
    again = open_module()
    try:
        assert type(again.panel) is not old
        assert len(again.panel.sections) == len(sys.modules["ReidentificationRiskLib.widget"].SECTIONS)
    finally:
        again.cleanup()
        again.parent.deleteLater()
        sys.modules.update(kept)
