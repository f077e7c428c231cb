"""Many scans in one go: volumes of the real scene, and studies of the server."""

import csv
import io
import threading
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from slicer_harness.driving import Answering, wait_until
from slicer_harness.fake_measures import sent_parts
from slicer_harness.fake_server import FakeServer
from slicer_harness.samples import sample_report

LOW = {"level": "low", "p_reidentified": 0.004, "ci95": [0.001, 0.02]}
UNKNOWN = {
    "level": "unknown",
    "p_reidentified": None,
    "ci95": None,
    "subject_id": None,
    "reason": "Too few are enrolled.",
}


def cells(table) -> list[list[str]]:
    return [[table.item(i, j).text() for j in range(table.columnCount)] for i in range(table.rowCount)]


def batch_of(module):
    return next(s for s in module.panel.sections if type(s).__name__ == "BatchSection").batch


def press(module, button, server, answer: str = "Agree and send") -> list[str]:
    module.panel.ui.serverEdit.text = server.address
    with Answering(answer) as answering:
        button.click()
    assert wait_until(lambda: not batch_of(module).busy)
    return answering.texts


@pytest.fixture
def volumes(slicer, module):
    """Give three volumes, a label map and a node that are none."""
    made = [
        slicer.util.addVolumeFromArray(np.full((1, 40, 40 + n), n, np.uint8), name=name)
        for n, name in enumerate(["=SUM(A1)", "second", "third"])
    ]
    slicer.util.addVolumeFromArray(np.zeros((1, 40, 40), np.uint8), nodeClassName="vtkMRMLLabelMapVolumeNode")
    module.panel.ui.batchSection.checked = True
    return made


def by_width(handler) -> None:
    """Answer each volume by its size: high, a refusal, low."""
    _, scan = sent_parts(*handler.server.bodies[-1])
    width = int(next(line for line in scan.split(b"\n") if line.startswith(b"sizes:")).split()[1])
    if width == 41:
        handler.reply(422, {"detail": "the scan is too small"})
    else:
        handler.reply(200, sample_report(**({} if width == 40 else LOW)))


def test_every_volume_is_checked_and_one_failure_ends_nothing(module, ui, slicer, volumes) -> None:
    with FakeServer(by_width) as server:
        told = []
        batch_of(module).progressed.connect(lambda fraction, text: told.append((fraction, text)))
        questions = press(module, ui.volumesButton, server)
        assert len(questions) == 1
        assert len(server.bodies) == 3
        rows = cells(ui.batchTable)
        assert [row[:4] for row in rows] == [
            ["=SUM(A1)", "high", "87 %", "S-3F2A91C0"],
            ["second", "", "", ""],
            ["third", "low", "< 1 %", "S-3F2A91C0"],
        ]
        assert "refused: the scan is too small." in rows[1][4]
        assert ui.batchSummaryLabel.text == "1 high, 1 low; 1 could not be checked."
        assert (0.0, "1 of 3: =SUM(A1)") in told
        assert (pytest.approx(2 / 3), "3 of 3: third") in told
        assert press(module, ui.volumesButton, server) == []  # once is enough


def test_each_volume_is_sent_as_what_it_is(module, ui, slicer, server, volumes) -> None:
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    hierarchy.SetItemAttribute(hierarchy.CreateItem(hierarchy.GetSceneItemID(), volumes[1]), "DICOM.Modality", "MR")
    press(module, ui.volumesButton, server)
    assert [sent_parts(*body)[0] for body in server.bodies] == [{}, {"modality": "MR"}, {}]
    ui.modalityCombo.setCurrentIndex(ui.modalityCombo.findData("CXR"))
    press(module, ui.volumesButton, server)
    assert [sent_parts(*body)[0] for body in server.bodies[3:]] == [{"modality": "CXR"}] * 3


def test_results_are_kept_and_a_row_shows_its_own(module, ui, slicer, server, volumes) -> None:
    press(module, ui.volumesButton, server)
    assert len(slicer.util.getNodesByClass("vtkMRMLTextNode")) == 3
    ui.batchTable.selectRow(2)
    assert module.panel.logic.volume is volumes[2]
    assert ui.volumeSelector.currentNode() is volumes[2]
    assert module.panel.report == sample_report()
    assert "Earlier result" in ui.earlierLabel.text


def test_without_consent_nothing_is_sent(module, ui, server, volumes) -> None:
    press(module, ui.volumesButton, server, "Do not send")
    assert server.bodies == []
    assert ui.batchTable.rowCount == 0
    batch_of(module).check_volumes(volumes)  # even if a widget forgot to ask
    assert wait_until(lambda: not batch_of(module).busy)
    assert server.bodies == []
    assert {row[4] for row in cells(ui.batchTable)} == {
        "Nothing was sent: sending scans to this address was not agreed to."
    }


def test_no_volume_is_one_sentence(module, ui, server) -> None:
    press(module, ui.volumesButton, server)
    assert ui.batchMessageLabel.text == "⚠ No volume is loaded: load scans first."


def test_a_server_that_goes_away_ends_it_with_one_sentence(module, ui, volumes) -> None:
    with FakeServer(by_width) as server:
        address = server.address
        module.panel.logic.settings.agree(address)
    assert press(module, ui.volumesButton, server) == []
    assert f"No server answers at {address}" in ui.batchMessageLabel.text
    assert [row[1:] for row in cells(ui.batchTable)] == [["", "", "", ""]] * 3


def test_cancel_keeps_what_was_checked(module, ui, volumes) -> None:
    released, seen = threading.Event(), []

    def second_waits(handler) -> None:
        seen.append(handler)
        if len(seen) == 2:
            released.wait(20)
        handler.reply(200, sample_report())

    with FakeServer(second_waits) as server:
        ui.serverEdit.text = server.address
        with Answering("Agree and send"):
            ui.volumesButton.click()
        assert wait_until(lambda: len(seen) == 2)
        assert ui.batchProgressArea.isVisibleTo(module.parent)
        assert ui.batchProgressLabel.text == "2 of 3: second"
        assert not ui.volumesButton.enabled
        ui.batchCancelButton.click()
        assert not batch_of(module).busy
        released.set()
    assert ui.batchMessageLabel.text == "Cancelled. What was checked so far is below."
    assert [row[1] for row in cells(ui.batchTable)] == ["high", "", ""]
    assert not ui.batchProgressArea.isVisibleTo(module.parent)


def test_a_volume_that_goes_before_or_during_its_turn_has_a_note(module, ui, slicer, volumes) -> None:
    waiting, released = threading.Event(), threading.Event()

    def first_waits(handler) -> None:
        if not waiting.is_set():
            waiting.set()
            released.wait(20)
        handler.reply(200, sample_report())

    with FakeServer(first_waits) as server:
        ui.serverEdit.text = server.address
        with Answering("Agree and send"):
            ui.volumesButton.click()
        assert wait_until(waiting.is_set)
        slicer.mrmlScene.RemoveNode(volumes[1])
        slicer.mrmlScene.RemoveNode(volumes[0])
        released.set()
        assert wait_until(lambda: not batch_of(module).busy)
    assert [(row[1], row[4]) for row in cells(ui.batchTable)] == [
        ("", "No longer in the scene."),
        ("", "No longer in the scene."),
        ("high", ""),
    ]


def test_the_servers_studies_are_checked_without_sending_anything(module, ui, volumes) -> None:
    def by_name(handler) -> None:
        asked = parse_qs(urlsplit(handler.path).query)
        handler.reply(200, sample_report(**(UNKNOWN if asked["image"] == ["b"] else {})))

    with FakeServer(by_name, studies=["a", "b", "c"]) as server:
        assert press(module, ui.studiesButton, server) == []
        assert "/datastore/" in server.asked
        assert len(server.bodies) == 3
        assert all(b"scan.nrrd" not in body for _, body in server.bodies)
    assert [row[:3] for row in cells(ui.batchTable)] == [
        ["a", "high", "87 %"],
        ["b", "unknown", "–"],
        ["c", "high", "87 %"],
    ]
    assert cells(ui.batchTable)[1][4] == "Too few are enrolled."


def test_closing_the_scene_ends_a_check_of_studies(module, ui, slicer) -> None:
    released = threading.Event()
    with FakeServer(lambda handler: released.wait(20), studies=["a", "b"]) as server:
        ui.serverEdit.text = server.address
        ui.studiesButton.click()
        assert wait_until(lambda: server.bodies)
        slicer.mrmlScene.Clear(0)
        assert not batch_of(module).busy
        released.set()
    assert ui.batchMessageLabel.text == "Cancelled. What was checked so far is below."


def test_thousands_of_rows_are_not_drawn_at_each_ones_turn(module, ui) -> None:
    from ReidentificationRiskLib.batch_logic import Row

    section = next(s for s in module.panel.sections if type(s).__name__ == "BatchSection")
    section.batch.rows = [Row(f"study {i}", report=sample_report()) for i in range(300)]
    drawn = []
    fill = section.table.fill
    section.table.fill = lambda rows, keys: (drawn.append(len(rows)), fill(rows, keys))
    for _ in range(50):
        section.batch.changed.emit(section.batch.rows)
    assert len(drawn) < 5
    section.batch.finished.emit(section.batch.rows)
    assert drawn[-1] == 300
    assert ui.batchTable.rowCount == 300


def test_a_server_that_gives_out_no_list_is_one_sentence(module, ui, server) -> None:
    press(module, ui.studiesButton, server)
    assert "this server gives out no images" in ui.batchMessageLabel.text
    assert ui.batchTable.rowCount == 0
    assert ui.volumesButton.enabled


def test_the_table_is_sorted_by_level_and_number(module, ui, slicer, volumes) -> None:
    with FakeServer(by_width) as server:
        press(module, ui.volumesButton, server)
    header = ui.batchTable.horizontalHeader()
    header.sectionClicked.emit(1)
    first = [row[0] for row in cells(ui.batchTable)]
    header.sectionClicked.emit(1)
    second = [row[0] for row in cells(ui.batchTable)]
    assert {tuple(first), tuple(second)} == {("third", "=SUM(A1)", "second"), ("=SUM(A1)", "third", "second")}


def test_the_table_is_saved_for_programs(module, ui, slicer, volumes, tmp_path: Path) -> None:
    with FakeServer(by_width) as server:
        press(module, ui.volumesButton, server)
    section = next(s for s in module.panel.sections if type(s).__name__ == "BatchSection")
    section.ask_path = lambda *asked: str(tmp_path / "out.csv")
    ui.csvButton.click()
    assert ui.batchMessageLabel.text == "Saved as 'out.csv'."
    rows = list(csv.DictReader(io.StringIO((tmp_path / "out.csv").read_text(encoding="utf-8"))))
    assert rows[0]["scan"] == "'=SUM(A1)"  # no formula
    assert (rows[0]["level"], float(rows[0]["p_reidentified"]), rows[0]["ci95_low"]) == ("high", 0.87, "0.78")
    assert (rows[1]["level"], rows[1]["p_reidentified"]) == ("", "")
    assert "the scan is too small" in rows[1]["note"]
    assert rows[2]["most_alike"] == "S-3F2A91C0"
    section.ask_path = lambda *asked: str(tmp_path / "gone" / "out.csv")
    ui.csvButton.click()
    assert "cannot be written" in ui.batchMessageLabel.text


def test_closing_the_panel_ends_a_batch(module, ui, volumes) -> None:
    released = threading.Event()
    with FakeServer(lambda handler: released.wait(20)) as server:
        ui.serverEdit.text = server.address
        with Answering("Agree and send"):
            ui.volumesButton.click()
        assert wait_until(lambda: server.bodies)
        batch = batch_of(module)
        module.cleanup()
        assert not batch.busy
        released.set()
