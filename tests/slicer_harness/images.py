"""Image files as a server sends them, written by Slicer's own writer."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np


def nifti(pixels: np.ndarray, affine: Any = None) -> bytes:
    """Give the bytes of a .nii.gz.

    Parameters
    ----------
    pixels
        ``(slices, rows, columns)``, or with a fourth axis for colours.
    affine
        ``(4, 4)`` from voxels to millimetres (RAS); the unit matrix by default.
    """
    import slicer

    kind = "vtkMRMLVectorVolumeNode" if pixels.ndim == 4 else "vtkMRMLScalarVolumeNode"
    volume = slicer.util.addVolumeFromArray(pixels, np.eye(4) if affine is None else affine, "image", kind)
    with tempfile.TemporaryDirectory() as folder:
        storage = slicer.vtkMRMLVolumeArchetypeStorageNode()
        storage.SetFileName(str(Path(folder) / "image.nii.gz"))
        if not storage.WriteData(volume):
            raise OSError("the image cannot be written")
        content = (Path(folder) / "image.nii.gz").read_bytes()
    display = volume.GetDisplayNode()
    slicer.mrmlScene.RemoveNode(volume)
    if display is not None:
        slicer.mrmlScene.RemoveNode(display)
    return content
