"""What the panel does without a server, inside Slicer: phantom, copy, look at a header, report kept and saved."""

import json
import os
import sys
import tempfile
import time
import unittest

import slicer

HERE = os.path.dirname(os.path.abspath(__file__))


class ReidentificationRiskOfflineTest(unittest.TestCase):
    """Everything of it uses Slicer's own Qt, VTK and pydicom, as they are there."""

    def setUp(self):
        """Open the panel over a phantom."""
        slicer.mrmlScene.Clear(0)
        from ReidentificationRisk import ReidentificationRiskWidget
        from ReidentificationRiskLib.sample_data import add_phantom

        self.volume = add_phantom()
        self.widget = ReidentificationRiskWidget()
        self.addCleanup(self.widget.parent.deleteLater)
        self.addCleanup(self.widget.cleanup)
        self.panel = self.widget.panel
        self.panel.ui.volumeSelector.setCurrentNode(self.volume)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def section(self, name):
        """Give a section by the name of its class."""
        return next(section for section in self.panel.sections if type(section).__name__ == name)

    def test_copy_without_header(self):
        """The copy has the same pixels, and none in common."""
        self.panel.ui.plainCopyButton.click()
        copy = slicer.util.getNode("De-risked copy (header-only)")
        assert (slicer.util.arrayFromVolume(copy) == slicer.util.arrayFromVolume(self.volume)).all()

    def test_report(self):
        """A result is kept below its volume, comes back with it, and is saved in every form."""
        with open(os.path.join(HERE, "report.json"), encoding="utf-8") as file:
            report = json.load(file)
        logic, ui = self.panel.logic, self.panel.ui
        logic._on_answer({"event": "result", "report": report})
        logic.select(None)
        logic.select(self.volume)
        assert self.panel.report == report
        assert "Earlier result" in ui.earlierLabel.text
        section = self.section("ReportSection")
        ui.picturesCheck.setChecked(True)
        for kind, begin in (("html", b"<!DOCTYPE html>"), ("pdf", b"%PDF-"), ("json", b"{")):
            path = os.path.join(self.folder, "report." + kind)
            section.ask_path = lambda *asked, path=path: path
            getattr(ui, kind + "Button").click()
            with open(path, "rb") as file:
                assert file.read().startswith(begin), ui.reportMessageLabel.text

    def test_header(self):
        """A DICOM file is looked at by the pydicom that Slicer ships."""
        from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
        from pydicom.uid import ExplicitVRLittleEndian

        path = os.path.join(self.folder, "file.dcm")
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = "1.2.840.10008.5.1.4.1.1.7", "1.2.3"
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        data = FileDataset(path, Dataset(), file_meta=meta, preamble=b"\0" * 128)
        data.SOPClassUID, data.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
        data.PatientName, data.Modality = "Quasimodo", "OT"
        data.is_little_endian, data.is_implicit_VR = True, False
        data.save_as(path, write_like_original=False)
        storage = slicer.vtkMRMLVolumeArchetypeStorageNode()
        storage.SetFileName(path)
        slicer.mrmlScene.AddNode(storage)
        self.volume.SetAndObserveStorageNodeID(storage.GetID())
        ui = self.panel.ui
        ui.headerButton.click()
        end = time.time() + 10
        while not ui.headerTable.rowCount and time.time() < end:
            slicer.app.processEvents()
        names = [ui.headerTable.item(i, 2).text() for i in range(ui.headerTable.rowCount)]
        assert "Patient's Name" in names
        assert "Modality" not in names


if __name__ == "__main__":
    sys.exit(unittest.main())
