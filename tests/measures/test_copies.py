"""A changed copy has the values of the file it is a copy of, where nothing was changed, and lies over it."""

import gzip

import numpy as np
import pytest

from reid_engine.grid import picture_grid
from reid_engine.measures import MEASURES
from reid_engine.measures.comparison import Comparison
from reid_engine.measures.copies import stored_values, write_copy
from reid_engine.scan import read_scan

BY_NAME = {measure.name: measure for measure in MEASURES}


def volume(kind, low, high, shape=(3, 60, 50)):
    values = np.random.default_rng(5).uniform(low, high, shape)
    return (np.rint(values) if np.dtype(kind).kind in "iu" else values).astype(kind)


def saved(tmp_path, values):
    path = tmp_path / "scan.nii.gz"
    path.write_bytes(picture_grid((2.0, 0.5, 0.4)).write(values))
    return path


def copy_of(path, name, **how):
    """Give what the file holds that a measure's copy is written to: header and voxels (S, H, W[, 3])."""
    import nibabel as nib

    scan = read_scan(path, **how)
    measure = BY_NAME[name]
    data = write_copy(path, scan, Comparison(measure, None, None, None, 1.0, measure.apply(scan)))
    image = nib.Nifti1Image.from_bytes(gzip.decompress(data))
    voxels = np.asanyarray(image.dataobj)
    if voxels.dtype.names:
        voxels = np.stack([voxels[name] for name in voxels.dtype.names], axis=-1)
    return image.affine, np.moveaxis(voxels, [0, 2], [2, 0])


@pytest.mark.parametrize(
    ("kind", "low", "high", "how"),
    [
        ("u1", 0, 255, {}),
        ("u1", 0, 255, {"invert": True}),
        ("i2", -500, 1200, {"modality": "MR", "window": (350, 2000)}),
        ("u2", 0, 60000, {"modality": "CXR", "window": (30001, 60002), "invert": True}),
        ("i4", -70000, 70000, {"modality": "MR", "window": (0, 140010)}),
        ("i2", -1000, 1000, {"modality": "CT"}),
    ],
)
def test_values_that_nothing_was_done_to_are_the_files_own(tmp_path, kind, low, high, how):
    values = volume(kind, low, high)
    _, found = copy_of(saved(tmp_path, values), "header-only", **how)
    assert found.dtype == values.dtype
    np.testing.assert_array_equal(found, values)


def test_what_lies_beyond_the_window_is_cut_to_its_ends(tmp_path):
    values = volume("i2", -500, 1200)
    _, found = copy_of(saved(tmp_path, values), "header-only", modality="MR", window=(100.5, 401))
    np.testing.assert_array_equal(found, np.clip(values, -100, 300))


def test_parts_of_numbers_stay_parts(tmp_path):
    values = volume("f4", 0.0, 0.01)
    values[0, 0, :2] = 0.0, 0.01
    _, found = copy_of(saved(tmp_path, values), "header-only", modality="MR", window=(0.005, 0.01))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, values, atol=1e-8)


def test_colours_stay_colours(tmp_path):
    values = volume("u1", 0, 255, (1, 60, 50, 3))
    _, found = copy_of(saved(tmp_path, values), "header-only")
    np.testing.assert_array_equal(found, values)


def test_a_painted_frame_is_black_and_the_rest_where_it_was(tmp_path):
    values = volume("i2", 100, 1200)
    affine, found = copy_of(saved(tmp_path, values), "frame", modality="MR", window=(500, 1600))
    np.testing.assert_allclose(affine, np.diag([-0.4, -0.5, 2, 1]), atol=1e-6)
    assert (found[:, :5] == -300).all()  # the lower end of the window is shown black
    np.testing.assert_array_equal(found[:, 5:55, 5:45], values[:, 5:55, 5:45])


def test_a_crop_has_its_origin_moved(tmp_path):
    values = volume("u1", 0, 255)
    affine, found = copy_of(saved(tmp_path, values), "crop", modality="MR")
    np.testing.assert_array_equal(found, values[:, 6:54, 5:45])
    np.testing.assert_allclose(affine[:3, 3], [-0.4 * 5, -0.5 * 6, 0], atol=1e-6)


def test_a_window_that_the_files_type_cannot_hold_gets_a_larger_one(tmp_path):
    values = volume("u1", 0, 255)
    _, found = copy_of(saved(tmp_path, values), "header-only", modality="MR", window=(100, 400))
    assert found.dtype == np.int16
    np.testing.assert_array_equal(found, values)


def test_a_way_that_is_no_straight_line_gives_display_values(tmp_path):
    from dicom_files import grey16, write_dicom

    path = write_dicom(tmp_path / "x.dcm", grey16(), WindowCenter=1900, WindowWidth=2500, VOILUTFunction="SIGMOID")
    scan = read_scan(path)
    assert scan.stored is None
    np.testing.assert_array_equal(stored_values(scan)[0], scan.eight_bit(0))
    path = write_dicom(tmp_path / "y.dcm", grey16(), WindowCenter=1900, WindowWidth=2500)
    assert stored_values(read_scan(path)).dtype == np.uint16
