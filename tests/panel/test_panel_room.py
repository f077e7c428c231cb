"""Room for what the lower sections say: measures, header, report, many scans, an earlier result; narrow, wide, dark."""

import re
from pathlib import Path

import numpy as np
import pytest
from dicom_files import grey8, make_dicom, save_dicom
from slicer_harness.driving import Answering, fit_to_width, wait_until
from slicer_harness.fake_measures import measures_server, sample_measures
from slicer_harness.samples import sample_report
from test_panel_habits import WIDTHS, controls, cut_off


@pytest.fixture
def filled(module, ui, slicer, tmp_path: Path):
    """Give the panel with every lower section open and filled, with texts as long as they come."""
    from pydicom.dataset import Dataset
    from pydicom.sequence import Sequence
    from slicer_harness.scene import load_volume

    person, data = Dataset(), make_dicom(grey8(), BurnedInAnnotation="YES", PatientIdentityRemoved="NO")
    person.PersonName = "Frollo^Claude"
    data.ContentCreatorIdentificationCodeSequence = Sequence([person])
    data.private_block(0x0029, "ACME VERY LONG CREATOR OF PRIVATE TAGS", create=True).add_new(0x10, "LO", "x" * 60)
    (tmp_path / "files").mkdir()
    volume = load_volume(save_dicom(tmp_path / "files" / "a.dcm", data), "DOE^JANE chest of the second visit 2026")
    document = sample_measures()
    document["measures"][1].update(measure="down-sample", p_reidentified=0.998, ci95=[0.991, 0.999])
    sections = {type(section).__name__: section for section in module.panel.sections}
    with measures_server(document, sample_report()) as server:
        module.enter()
        ui.serverEdit.text = server.address
        for name in ("measuresSection", "headerSection", "reportSection", "batchSection"):
            getattr(ui, name).checked = True
        slicer.util.addVolumeFromArray(np.zeros((1, 40, 40), np.uint8), name="second")
        ui.volumeSelector.setCurrentNode(volume)
        with Answering("Agree and send"):
            ui.volumesButton.click()
        batch = sections["BatchSection"].batch
        assert wait_until(lambda: not batch.busy)
        ui.batchTable.selectRow(1)
        ui.batchTable.selectRow(0)
        ui.tryMeasuresButton.click()
        assert wait_until(lambda: not sections["MeasuresSection"].measures.busy)
        ui.measuresTable.selectRow(3)
        ui.headerButton.click()
        assert wait_until(lambda: ui.headerTable.rowCount)
        sections["ReportSection"].message.warn(
            "'re-identification-risk.html' cannot be written: No space left on device. Choose another folder, or make room."
        )
        assert ui.earlierLabel.isVisibleTo(module.parent)
        yield module


def test_there_is_room_and_every_control_says_what_it_is_for_and_has_its_own_key(filled) -> None:
    import slicer

    for width in WIDTHS:
        fit_to_width(filled.parent, width)
        assert filled.parent.width == width
        assert (width, cut_off(filled)) == (width, [])
    names = ("tryMeasuresButton", "copyButton", "plainCopyButton", "measuresTable", "headerButton", "revealCheck",
             "headerTable", "keepCheck", "picturesCheck", "htmlButton", "pdfButton", "jsonButton", "volumesButton",
             "studiesButton", "batchTable", "csvButton", "batchCancelButton", "measuresCancelButton")  # fmt: skip
    tips = {widget.objectName: widget.toolTip for widget in controls(filled)}
    assert [name for name in names if len(tips[name]) < 15] == []
    own = {"tryMeasuresButton", "copyButton", "plainCopyButton", "revealCheck", "picturesCheck",
           "volumesButton", "studiesButton"}  # fmt: skip
    every = slicer.util.findChildren(filled.parent)  # keys are taken by nothing else
    named = [w for w in every if w.objectName and (w.inherits("QAbstractButton") or w.inherits("QLabel"))]
    keys = {w.objectName: key[1].lower() for w in named if (key := re.search("&([a-zA-Z])", w.text))}
    assert own <= set(keys)
    assert [name for name in own if list(keys.values()).count(keys[name]) > 1] == []


def test_the_mark_of_an_earlier_result_brings_its_own_ground(slicer, module) -> None:
    from ReidentificationRiskLib.earlier_section import MARK

    assert "color: #1a1a1a; background: #e6eefc;" in MARK
