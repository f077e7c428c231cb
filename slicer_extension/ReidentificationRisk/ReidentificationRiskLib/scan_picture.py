"""A small picture of a scan, as it is displayed."""

from typing import Any

import numpy as np
import slicer
import vtk
from vtk.util.numpy_support import numpy_to_vtk, vtk_to_numpy

MOST_POINTS = 512  # of a side


def scan_png(volume: Any) -> bytes:
    """Give the middle slice of a volume as it is displayed, as a small PNG."""
    pixels = slicer.util.arrayFromVolume(volume)
    colour = volume.GetImageData().GetNumberOfScalarComponents() >= 3
    middle = pixels[pixels.shape[0] // 2]
    step = max(1, -(-max(middle.shape[:2]) // MOST_POINTS))
    middle = middle[::step, ::step, :3] if colour else _windowed(volume, middle[::step, ::step])
    return _png(np.ascontiguousarray(np.clip(middle, 0, 255).astype(np.uint8)))


def _windowed(volume: Any, values: np.ndarray) -> np.ndarray:
    display = volume.GetDisplayNode()
    low, high = float(values.min()), float(values.max())
    if display is not None and display.IsA("vtkMRMLScalarVolumeDisplayNode") and display.GetWindow() > 0:
        low = display.GetLevel() - display.GetWindow() / 2
        high = low + display.GetWindow()
    return np.clip((values - low) * (255.0 / max(high - low, 1e-9)), 0, 255)


def _png(pixels: np.ndarray) -> bytes:
    image = vtk.vtkImageData()
    image.SetDimensions(pixels.shape[1], pixels.shape[0], 1)
    upright = np.ascontiguousarray(pixels[::-1])  # VTK counts rows from below
    channels = 1 if upright.ndim == 2 else upright.shape[2]
    image.GetPointData().SetScalars(numpy_to_vtk(upright.reshape(-1, channels), deep=True))
    writer = vtk.vtkPNGWriter()
    writer.SetInputData(image)
    writer.SetWriteToMemory(True)
    writer.Write()
    return bytes(vtk_to_numpy(writer.GetResult()))
