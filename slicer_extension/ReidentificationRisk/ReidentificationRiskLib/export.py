"""A volume of the scene becomes a file that holds its pixels and geometry, and nothing else."""

import contextlib
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any, Dict

import slicer
import vtk

from ReidentificationRiskLib.errors import ExportError, reason

PREFIX = "reid-scan-"
FILE = "scan.nrrd"  # neutral: a volume's own name often holds the patient's
LEFT_BEHIND = 24 * 3600.0  # seconds after which a folder cannot belong to a check that still runs
INVERTED_GREY = "vtkMRMLColorTableNodeInvertedGrey"
DICOM_MODALITIES = {name: name for name in ("CT", "MR", "MG", "US", "PT", "NM", "XA")}
DICOM_MODALITIES["OPT"] = "OCT"  # CR, DX and OP are left out: they may show anything


class ExportFolder:
    """A private folder for one check's file; ``remove`` takes it away with all in it."""

    def __init__(self) -> None:
        try:
            self.path = Path(tempfile.mkdtemp(prefix=PREFIX))  # mode 0700
        except OSError as error:
            raise ExportError(f"No temporary folder can be made for the scan: {reason(error)}.") from error

    def remove(self) -> None:
        """Remove the folder; once is enough, more does no harm."""
        shutil.rmtree(self.path, ignore_errors=True)


def remove_left_behind() -> None:
    """Remove folders that a Slicer which was killed could not remove itself."""
    for folder in Path(tempfile.gettempdir()).glob(PREFIX + "*"):
        with contextlib.suppress(OSError):
            if time.time() - folder.lstat().st_mtime > LEFT_BEHIND and not folder.is_symlink():
                shutil.rmtree(folder, ignore_errors=True)


def export_volume(volume: Any, folder: ExportFolder) -> Path:
    """Write the volume's pixels, spacing and orientation as NRRD, uncompressed so that Slicer need not wait.

    NRRD holds every pixel type, colour, and one-slice volumes as they are; neither the node's name nor its
    attributes nor a DICOM header go into it.

    Raises
    ------
    ExportError
        When there is no volume, no pixels in it, a kind of pixels that is not an image, or no room on the disk.
    """
    image = require_image(volume)
    path = folder.path / FILE
    if image.GetNumberOfScalarComponents() == 4:
        volume = _without_alpha(volume)
        image = volume.GetImageData()
    storage = slicer.vtkMRMLVolumeArchetypeStorageNode()
    storage.SetFileName(os.fspath(path))
    storage.SetUseCompression(0)
    if not storage.WriteData(volume) or not path.is_file() or path.stat().st_size < _bytes_of(image):
        raise ExportError("The scan could not be written to a temporary file: is there room on the disk?")
    return path


def display_params(volume: Any) -> Dict[str, Any]:
    """Give what the viewer shows and the file cannot say: ``window`` (centre, width) and ``invert``.

    A window that Slicer made up itself is left out, and so is one over 8-bit values, which are display values
    already: both would make the same scan differ between Slicer and its own file.
    """
    display = volume.GetDisplayNode()
    if display is None or not display.IsA("vtkMRMLScalarVolumeDisplayNode"):
        return {}
    params: Dict[str, Any] = {}
    eight_bits = volume.GetImageData().GetScalarType() == vtk.VTK_UNSIGNED_CHAR
    if not display.GetAutoWindowLevel() and not eight_bits and display.GetWindow() > 0:
        params["window"] = [display.GetLevel(), display.GetWindow()]
    if display.GetColorNodeID() == INVERTED_GREY:
        params["invert"] = True
    return params


def dicom_modality(volume: Any) -> str:
    """Give the modality of a volume that was loaded from DICOM, where that says enough; else ""."""
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    item = hierarchy.GetItemByDataNode(volume)
    return DICOM_MODALITIES.get(hierarchy.GetItemAttribute(item, "DICOM.Modality") if item else "", "")


def require_image(volume: Any) -> Any:
    """Give the image data of a volume that can be sent; ExportError when it is none."""
    if volume is None:
        raise ExportError("No scan is selected: choose a volume first.")
    image = volume.GetImageData()
    if image is None or image.GetPointData().GetScalars() is None or 0 in image.GetDimensions():
        raise ExportError("The selected volume holds no pixels: choose another one.")
    if image.GetNumberOfScalarComponents() not in (1, 3, 4):
        raise ExportError("The selected volume is neither grey nor colour: choose an image.")
    return image


def _bytes_of(image: Any) -> int:
    return image.GetNumberOfPoints() * image.GetNumberOfScalarComponents() * image.GetScalarSize()


def _without_alpha(volume: Any) -> Any:
    """Give a copy with red, green and blue only, outside of the scene."""
    colours = vtk.vtkImageExtractComponents()
    colours.SetComponents(0, 1, 2)
    colours.SetInputData(volume.GetImageData())
    colours.Update()
    copy = slicer.vtkMRMLVectorVolumeNode()
    geometry = vtk.vtkMatrix4x4()
    volume.GetIJKToRASMatrix(geometry)
    copy.SetIJKToRASMatrix(geometry)
    copy.SetAndObserveImageData(colours.GetOutput())
    return copy
