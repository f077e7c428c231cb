"""A slice view without a render window: the real slice logic's picture of a volume."""

from typing import Any


def grab_view(logic: Any) -> Any:
    """Give what a slice logic shows, its layers blended, as a QImage."""
    import numpy as np
    import qt
    from vtk.util.numpy_support import vtk_to_numpy

    logic.UpdatePipeline()
    blend = logic.GetBlend()
    blend.Update()
    image = blend.GetOutput()
    columns, rows, _ = image.GetDimensions()
    colours = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(rows, columns, -1)
    upright = np.ascontiguousarray(colours[::-1, :, :3])  # VTK counts rows from below
    return qt.QImage(upright.data, columns, rows, 3 * columns, qt.QImage.Format_RGB888).copy()
