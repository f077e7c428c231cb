"""The real MRML scene, and loading images into it as Slicer does."""

import types
from pathlib import Path
from typing import Any

PICTURES = {".png", ".jpg", ".jpeg", ".tif", ".tiff"}
LPS_TO_RAS = (-1.0, -1.0, 1.0, 1.0)


def add_scene(slicer: types.ModuleType) -> Any:
    """Make ``slicer.mrmlScene`` with the logics that volumes need; give the application logic."""
    scene = slicer.vtkMRMLScene()
    logic = slicer.vtkSlicerApplicationLogic()
    logic.SetMRMLScene(scene)
    colors = slicer.vtkMRMLColorLogic()
    volumes = slicer.vtkSlicerVolumesLogic()
    for name, module in (("Colors", colors), ("Volumes", volumes)):
        module.SetMRMLApplicationLogic(logic)
        logic.SetModuleLogic(name, module)
        module.SetMRMLScene(scene)
    slicer.mrmlScene = scene
    logic._kept_alive = (colors, volumes)
    return logic


def load_volume(path: Path, name: str = "") -> Any:
    """Load a file as a volume; ValueError when it cannot be read."""
    import slicer

    path = Path(path)
    name = name or path.name.split(".")[0]
    if path.suffix.lower() in PICTURES:
        return _load_picture(path, name)
    volumes = slicer.app.applicationLogic().GetModuleLogic("Volumes")
    node = volumes.AddArchetypeVolume(str(path), name, 0)
    if node is None:
        raise ValueError(f"'{path.name}' cannot be read as a volume")
    if _is_dicom(path):
        _show_as_header_says(node, path)
    return node


def _is_dicom(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(132)[128:] == b"DICM"


def _show_as_header_says(node: Any, path: Path) -> None:
    """Do what Slicer's DICOM plugin does after loading: window, and modality in the subject hierarchy."""
    import pydicom
    import slicer

    header = pydicom.dcmread(path, stop_before_pixels=True)
    display = node.GetDisplayNode()
    centre, width = header.get("WindowCenter"), header.get("WindowWidth")
    if centre is not None and width is not None and display.IsA("vtkMRMLScalarVolumeDisplayNode"):
        first = [value[0] if isinstance(value, pydicom.multival.MultiValue) else value for value in (centre, width)]
        display.SetAutoWindowLevel(False)
        display.SetWindowLevel(float(first[1]), float(first[0]))
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    item = hierarchy.CreateItem(hierarchy.GetSceneItemID(), node)
    hierarchy.SetItemAttribute(item, "DICOM.Modality", str(header.get("Modality", "")))


def _load_picture(path: Path, name: str) -> Any:
    """Load a picture, which slicer-core's readers do not take, with the geometry that Slicer gives it."""
    import numpy as np
    import slicer
    from PIL import Image

    with Image.open(path) as picture:
        pixels = np.asarray(picture.convert("RGB") if picture.mode in ("P", "CMYK", "YCbCr") else picture)
    if pixels.dtype == np.int32:  # how Pillow shows some 16-bit files
        pixels = pixels.astype(np.uint16)
    kind = "vtkMRMLVectorVolumeNode" if pixels.ndim == 3 else "vtkMRMLScalarVolumeNode"
    return slicer.util.addVolumeFromArray(pixels[np.newaxis], np.diag(LPS_TO_RAS), name, kind)
