"""What is laid on a file's grid lies over it: the same voxels at the same places, as ITK and 3D Slicer read both."""

import gzip
import struct

import itk
import nibabel as nib
import numpy as np
import pytest
from PIL import Image
from scipy.spatial.transform import Rotation

from reid_engine.errors import ReidError
from reid_engine.grid import picture_grid, read_grid
from reid_engine.scan import read_scan

FLIPPED = ((-0.4, 0, 0, 7), (0, -0.3, 0, 9), (0, 0, 1, 4), (0, 0, 0, 1))  # as Slicer has a picture
OBLIQUE = ((-0.5, 0, -1.5, 11), (0, 0.7, 0, -22), (0.5, 0, -1.5, 33), (0, 0, 0, 1))
LEFT_HANDED = ((0.5, 0, 0, 11), (0, 0.7, 0, -22), (0, 0, -1.5, 33), (0, 0, 0, 1))
SHAPES = {"picture": (1, 40, 50), "colour": (1, 40, 50, 3), "volume": (5, 40, 50)}
MARK = (0, 12, 33)  # slice, row, column


def pixels(shape):
    """Give noise, and one voxel that is brighter than any."""
    values = np.random.default_rng(3).integers(1, 200, shape).astype(np.uint8)
    values[MARK] = 255
    return values


def slicer_volume(values, matrix):
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
    return scene, node


def slicer_writes(values, matrix, path):
    import slicer

    scene, node = slicer_volume(values, matrix)
    storage = scene.AddNode(slicer.vtkMRMLVolumeArchetypeStorageNode())
    storage.SetFileName(str(path))
    assert storage.WriteData(node)
    return path


def slicer_reads(path, colour=False):
    """Give a file's voxels (S, H, W[, 3]) and its IJK to RAS matrix, as Slicer has them."""
    import slicer
    import vtk
    from vtk.util import numpy_support

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


def laid(path, values, tmp_path, moved=(0, 0)):
    """Lay values over a file; give them as Slicer reads them."""
    out = tmp_path / "laid.nii.gz"
    out.write_bytes(read_grid(path, read_scan(path)).moved(*moved).write(values))
    return slicer_reads(out, colour=values.ndim == 4)


@pytest.mark.parametrize("matrix", [FLIPPED, OBLIQUE], ids=["upright", "oblique"])
@pytest.mark.parametrize("name", ["scan.nii.gz", "scan.nrrd"])
@pytest.mark.parametrize("kind", SHAPES)
def test_a_map_lies_over_what_slicer_exported(tmp_path, kind, name, matrix):
    values = pixels(SHAPES[kind])
    path = slicer_writes(values, matrix, tmp_path / name)
    _, place = slicer_reads(path, colour=kind == "colour")
    np.testing.assert_allclose(place, matrix, atol=1e-4)
    map_ = np.zeros(values.shape[:3], dtype=np.float32)
    map_[MARK] = 0.75
    found, its_place = laid(path, map_, tmp_path)
    np.testing.assert_array_equal(found, map_)
    np.testing.assert_allclose(its_place, place, atol=1e-5)


@pytest.mark.parametrize("name", ["scan.nii.gz", "scan.nrrd"])
def test_small_steps_far_away_and_at_any_angle_keep_their_place(tmp_path, name):
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_euler("xyz", [17, 101, -43], degrees=True).as_matrix() * (0.0039, 0.0117, 0.24)
    matrix[:3, 3] = 599.3, -412.7, 288.1
    path = slicer_writes(pixels(SHAPES["volume"]), matrix.tolist(), tmp_path / name)
    _, its_place = laid(path, np.zeros(SHAPES["volume"], dtype=np.float32), tmp_path)
    np.testing.assert_allclose(its_place, matrix, atol=5e-5)
    np.testing.assert_allclose(its_place[:3, :3], matrix[:3, :3], atol=1e-7)


@pytest.mark.parametrize("name", ["scan.nii.gz", "scan.nrrd"])
def test_a_left_handed_volume_has_its_map_over_it(tmp_path, name):
    """Slicer turns such a file's slices round as it reads it, and so those of the map."""
    values = pixels(SHAPES["volume"])
    path = slicer_writes(values, LEFT_HANDED, tmp_path / name)
    found, its_place = laid(path, values.astype(np.float32), tmp_path)
    expected, place = slicer_reads(path)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_allclose(its_place, place, atol=1e-5)


@pytest.mark.parametrize("name", ["scan.nii.gz", "scan.nrrd"])
@pytest.mark.parametrize("kind", SHAPES)
def test_a_crop_lies_where_it_was_cut(tmp_path, kind, name):
    values = pixels(SHAPES[kind])
    path = slicer_writes(values, OBLIQUE, tmp_path / name)
    _, place = slicer_reads(path, colour=kind == "colour")
    found, its_place = laid(path, values[:, 10:30, 20:45], tmp_path, moved=(10, 20))
    np.testing.assert_array_equal(found, values[:, 10:30, 20:45])
    mark = np.argwhere(found.reshape(*found.shape[:3], -1)[..., 0] == 255)[0]
    assert tuple(mark) == (MARK[0], MARK[1] - 10, MARK[2] - 20)
    there = its_place @ [*mark[::-1], 1]
    np.testing.assert_allclose(there, place @ [*MARK[::-1], 1], atol=1e-4)


def header(kind=nib.Nifti1Header, shape=(50, 40, 5), order="<", **fields):
    head = kind(endianness=order)
    head.set_data_shape(shape)
    head.set_data_dtype(np.uint8)
    head["pixdim"][1:4] = (0.5, 0.25, 2)
    head["vox_offset"] = kind.sizeof_hdr + 4
    head["magic"] = b"n+1" if kind is nib.Nifti1Header else head["magic"]
    head["descrip"], head["aux_file"] = b"Mueller^Hans", b"MRN-77"
    for name, value in fields.items():
        head[name] = value
    return head


def write(path, head):
    count = int(np.prod(head.get_data_shape()))
    body = np.random.default_rng(1).integers(0, 255, count).astype(np.uint8).tobytes()
    path.write_bytes(head.binaryblock + bytes(4) + body)
    return path


def itk_place(path):
    image = itk.imread(str(path))
    return np.array([*image.GetOrigin(), *image.GetSpacing(), *itk.array_from_matrix(image.GetDirection()).ravel()])


TURNED = {"quatern_b": 0.5, "quatern_c": 0.5, "quatern_d": 0.5, "qoffset_x": 3, "qoffset_y": -4, "qoffset_z": 5}
ROWS = {"srow_x": (0, 0.25, 0, 8), "srow_y": (0.5, 0, 0, 7), "srow_z": (0, 0, -2, 6)}
HEADERS = {
    "nothing": {},
    "qform": {"qform_code": 1, **TURNED},
    "mirrored qform": {"qform_code": 1, **TURNED, "pixdim": (-1, 0.5, 0.25, 2, 1, 1, 1, 1)},
    "sform": {"sform_code": 2, **ROWS},
    "both that differ": {"qform_code": 1, "sform_code": 1, **TURNED, **ROWS},
    "micrometres": {"qform_code": 2, **TURNED, "xyzt_units": 3},
}


@pytest.mark.parametrize("name", HEADERS)
def test_a_nifti_header_is_taken_over_as_it_is(tmp_path, name):
    path = write(tmp_path / "scan.nii", header(**HEADERS[name]))
    grid, out = read_grid(path, read_scan(path)), tmp_path / "map.nii.gz"
    out.write_bytes(grid.write(np.zeros((5, 40, 50), dtype=np.float32)))
    np.testing.assert_array_equal(itk_place(out), itk_place(path))
    assert b"ueller" not in gzip.decompress(out.read_bytes())
    assert b"MRN" not in gzip.decompress(out.read_bytes())
    out.write_bytes(grid.moved(7, 9).write(np.zeros((5, 20, 20), dtype=np.uint8)))
    image = itk.imread(str(path))
    expected = image.TransformIndexToPhysicalPoint([9, 7, 0])
    np.testing.assert_allclose(itk_place(out)[:3], list(expected), atol=1e-4)
    np.testing.assert_allclose(itk_place(out)[3:], itk_place(path)[3:], atol=1e-5)


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("kind", [nib.Nifti1Header, nib.Nifti2Header])
def test_both_nifti_versions_and_byte_orders(tmp_path, kind, order):
    path = write(tmp_path / "scan.nii", header(kind, order=order, qform_code=1, **TURNED))
    out = tmp_path / "map.nii.gz"
    out.write_bytes(read_grid(path, read_scan(path)).write(np.zeros((5, 40, 50), dtype=np.float32)))
    expected = write(tmp_path / "same.nii", header(qform_code=1, **TURNED))
    np.testing.assert_allclose(itk_place(out), itk_place(expected), atol=1e-6)


def test_a_file_of_two_axes_stays_one(tmp_path):
    path = write(tmp_path / "scan.nii", header(shape=(50, 40), qform_code=1, quatern_d=1, qoffset_x=3))
    out = tmp_path / "map.nii.gz"
    out.write_bytes(read_grid(path, read_scan(path)).write(np.zeros((1, 40, 50), dtype=np.float32)))
    np.testing.assert_array_equal(itk_place(out), itk_place(path))


@pytest.mark.parametrize("field", ["qoffset_x", "quatern_b", "srow_y"])
def test_a_geometry_of_no_numbers_is_left_out(tmp_path, field):
    path = write(tmp_path / "scan.nii", header(qform_code=1, sform_code=1, **{field: np.nan}))
    out = tmp_path / "map.nii.gz"
    out.write_bytes(read_grid(path, read_scan(path)).moved(3, 4).write(np.zeros((5, 40, 50), dtype=np.float32)))
    np.testing.assert_allclose(itk_place(out)[:6], [2, 0.75, 0, 0.5, 0.25, 2])


@pytest.mark.parametrize(
    "space", ["left-posterior-superior", "right-anterior-superior", "left-anterior-superior", "RAS", "LAS", "LPS"]
)
def test_an_nrrd_lies_where_itk_has_it(tmp_path, space):
    head = (
        f"NRRD0004\ntype: uchar\ndimension: 3\nspace: {space}\nsizes: 50 40 5\n"
        "space directions: (0,0.5,0) (0.25,0,0) (0,0,-2)\nspace origin: (3,4,5)\nencoding: raw\n\n"
    )
    body = np.random.default_rng(1).integers(0, 255, 50 * 40 * 5).astype(np.uint8).tobytes()
    path = tmp_path / "scan.nrrd"
    path.write_bytes(head.encode() + body)
    out = tmp_path / "map.nii.gz"
    out.write_bytes(read_grid(path, read_scan(path)).write(np.zeros((5, 40, 50), dtype=np.float32)))
    np.testing.assert_allclose(itk_place(out), itk_place(path), atol=1e-6)


@pytest.mark.parametrize(
    "fields",
    ["", "spacings: 0.5 0.25 2\n", "space dimension: 3\nspace directions: (0,0,0) (0,0,0) (0,0,0)\n",
     "space dimension: 3\nspace directions: (1,0,0) (1,0,0) (0,0,1)\n",
     "space dimension: 3\nspace directions: (nan,0,0) (0,1,0) (0,0,1)\n",
     "space dimension: 3\nspace directions: (1,0,0) (0,1,0) (0,0,1)\nspace origin: (x,0,0)\n"],
)  # fmt: skip
def test_an_nrrd_without_a_place_gets_the_spacing(tmp_path, fields):
    head = f"NRRD0004\ntype: uchar\ndimension: 3\nsizes: 50 40 5\n{fields}encoding: raw\n\n"
    body = np.random.default_rng(1).integers(0, 255, 50 * 40 * 5).astype(np.uint8).tobytes()
    path = tmp_path / "scan.nrrd"
    path.write_bytes(head.encode() + body)
    out = tmp_path / "map.nii.gz"
    scan = read_scan(path)
    out.write_bytes(read_grid(path, scan).write(np.zeros((5, 40, 50), dtype=np.float32)))
    planes, rows, columns = scan.spacing or (1, 1, 1)
    np.testing.assert_allclose(itk_place(out)[:6], [0, 0, 0, columns, rows, planes])


def test_a_picture_gets_the_place_that_slicer_gives_it(tmp_path):
    Image.fromarray(pixels(SHAPES["picture"])[0]).save(tmp_path / "scan.png")
    path = tmp_path / "scan.png"
    out = tmp_path / "map.nii.gz"
    out.write_bytes(read_grid(path, read_scan(path)).write(np.zeros((1, 40, 50), dtype=np.float32)))
    _, place = slicer_reads(out)
    np.testing.assert_array_equal(place, np.diag([-1, -1, 1, 1]))


def test_colours_come_back(tmp_path):
    values = pixels(SHAPES["colour"])
    out = tmp_path / "picture.nii.gz"
    out.write_bytes(picture_grid((1, 0.3, 0.2)).write(values))
    found, place = slicer_reads(out, colour=True)
    np.testing.assert_array_equal(found, values)
    np.testing.assert_allclose(np.diag(place), [-0.2, -0.3, 1, 1], atol=1e-6)


def test_nothing_tells_when_or_where_it_was_written():
    data = picture_grid(None).write(np.zeros((1, 32, 32), dtype=np.uint8))
    assert struct.unpack("<I", data[4:8]) == (0,)  # gzip's time
    assert data[3] == 0  # no name


def test_a_side_that_nifti_cannot_say_is_refused():
    with pytest.raises(ReidError, match="32767"):
        picture_grid(None).write(np.zeros((1, 32, 40000), dtype=np.uint8))
