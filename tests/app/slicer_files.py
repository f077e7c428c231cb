"""Files as 3D Slicer exports and reads them."""

import numpy as np

OBLIQUE = ((-0.5, 0, -1.5, 11), (0, 0.7, 0, -22), (0.5, 0, -1.5, 33), (0, 0, 0, 1))


def export(values, path, matrix=OBLIQUE):
    """Put (S, H, W[, 3]) uint8 voxels into a volume node, let Slicer write it, and give the file's bytes."""
    import slicer
    import vtk
    from vtk.util import numpy_support

    scene = slicer.vtkMRMLScene()
    node = scene.AddNode(slicer.vtkMRMLVectorVolumeNode() if values.ndim == 4 else slicer.vtkMRMLScalarVolumeNode())
    image = vtk.vtkImageData()
    image.SetDimensions(*values.shape[2::-1])
    flat = np.ascontiguousarray(values).reshape((-1, 3) if values.ndim == 4 else -1)
    image.GetPointData().SetScalars(numpy_support.numpy_to_vtk(flat, deep=True))
    node.SetAndObserveImageData(image)
    to_ras = vtk.vtkMatrix4x4()
    to_ras.DeepCopy([value for row in matrix for value in row])
    node.SetIJKToRASMatrix(to_ras)
    storage = scene.AddNode(slicer.vtkMRMLVolumeArchetypeStorageNode())
    storage.SetFileName(str(path))
    assert storage.WriteData(node)
    return path.read_bytes()


def load(data, folder, *, colour=False):
    """Let Slicer read a NIfTI file; give its voxels (S, H, W[, 3]) and the matrix from them to RAS."""
    import slicer
    import vtk
    from vtk.util import numpy_support

    path = folder / "answer.nii.gz"
    path.write_bytes(data)
    scene = slicer.vtkMRMLScene()
    node = scene.AddNode(slicer.vtkMRMLVectorVolumeNode() if colour else slicer.vtkMRMLScalarVolumeNode())
    storage = scene.AddNode(slicer.vtkMRMLVolumeArchetypeStorageNode())
    storage.SetFileName(str(path))
    assert storage.ReadData(node)
    image = node.GetImageData()
    shape = image.GetDimensions()[::-1] + ((3,) if colour else ())
    values = numpy_support.vtk_to_numpy(image.GetPointData().GetScalars()).reshape(shape)
    matrix = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(matrix)
    return values, np.array([[matrix.GetElement(i, j) for j in range(4)] for i in range(4)])
