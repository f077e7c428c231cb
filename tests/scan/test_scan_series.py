"""A folder that is one DICOM series, and one that holds several."""

import hashlib

import numpy as np
import pytest
from dicom_files import grey8, grey16, rgb8, write_dicom

from reid_engine.errors import ScanError
from reid_engine.readers.series import series_path
from reid_engine.readers.sniff import sniff
from reid_engine.scan import digest_file, read_scan

AXIAL = [1, 0, 0, 0, 1, 0]
SAGITTAL = [0, 1, 0, 0, 0, -1]


def stack(count=6, **size):
    return np.stack([grey8(seed=s, **size) for s in range(1, count + 1)])


def write_series(folder, slices, *, order=None, orientation=AXIAL, axis=2, step=2.5, **tags):
    """Write slices with rising positions, their file names and instance numbers in another order."""
    folder.mkdir(exist_ok=True)
    order = order if order is not None else range(len(slices))
    for place, (pixels, number) in enumerate(zip(slices, order, strict=True)):
        position = [10.0, 20.0, 30.0]
        position[axis] += place * step
        write_dicom(
            folder / f"IM{number:04d}",
            pixels,
            number=number,
            ImagePositionPatient=position,
            ImageOrientationPatient=orientation,
            **tags,
        )
    return folder


@pytest.mark.parametrize("order", [[0, 1, 2, 3, 4, 5], [5, 4, 3, 2, 1, 0], [3, 0, 5, 1, 4, 2]])
def test_slices_are_sorted_by_position_not_by_name(tmp_path, order):
    folder = write_series(tmp_path / "s", stack(), order=order)
    scan = read_scan(folder)
    np.testing.assert_array_equal(scan.pixels, stack() / np.float32(255))
    assert scan.is_volume


def test_sagittal_slices_are_sorted_along_their_own_normal(tmp_path):
    # the normal of rows (0, 1, 0) and columns (0, 0, -1) is (-1, 0, 0): rising x comes last to first
    folder = write_series(tmp_path / "s", stack(), orientation=SAGITTAL, axis=0)
    np.testing.assert_array_equal(read_scan(folder).pixels, stack()[::-1] / np.float32(255))


def test_without_positions_the_instance_number_counts(tmp_path):
    for place, pixels in enumerate(stack()):
        write_dicom(tmp_path / f"{9 - place}.dcm", pixels, number=place + 1)
    np.testing.assert_array_equal(read_scan(tmp_path).pixels, stack() / np.float32(255))


def test_each_slice_is_rescaled_its_own_way(tmp_path):
    slices = np.stack([grey16(seed=s) for s in (1, 2)])
    for number, (pixels, slope) in enumerate(zip(slices, (1.0, 3.0), strict=True), 1):
        write_dicom(
            tmp_path / str(number), pixels, number=number, RescaleSlope=slope, RescaleIntercept=0,
            WindowCenter=6000, WindowWidth=12001,
        )  # fmt: skip
    expected = (slices * np.array([1.0, 3.0]).reshape(2, 1, 1) - 5999.5) / 12000 + 0.5
    np.testing.assert_allclose(read_scan(tmp_path).pixels, np.clip(expected, 0, 1), atol=1e-6)


def test_several_images_at_one_place_give_the_first_of_each(tmp_path):
    write_series(tmp_path / "s", stack(3))
    write_series(tmp_path / "s", 255 - stack(3), order=[7, 8, 9])
    np.testing.assert_array_equal(read_scan(tmp_path / "s").pixels, stack(3) / np.float32(255))


def test_other_files_in_the_folder_do_not_matter(tmp_path):
    folder = write_series(tmp_path / "s", stack(2))
    (folder / "DICOMDIR").write_bytes(b"an index")
    (folder / "notes.txt").write_text("hello")
    write_dicom(folder / "mask.dcm", grey8(), number=77, Modality="SEG", SeriesInstanceUID="1.2.3")
    (folder / "deeper").mkdir()
    write_dicom(folder / "deeper" / "x.dcm", grey8(), number=78)
    assert read_scan(folder).pixels.shape == (2, 90, 70)


def test_slices_of_differing_size_are_refused(tmp_path):
    write_series(tmp_path / "s", [grey8(), grey8(height=80)])
    with pytest.raises(ScanError, match=r"differ in size or colour \(80 x 70 and 90 x 70\)"):
        read_scan(tmp_path / "s")
    write_series(tmp_path / "c", [grey8(), rgb8()])
    with pytest.raises(ScanError, match="differ in size or colour"):
        read_scan(tmp_path / "c")


def test_empty_folders_and_several_series_are_refused(tmp_path):
    with pytest.raises(ScanError, match="holds no DICOM image"):
        read_scan(tmp_path)
    write_series(tmp_path / "s", stack(2))
    write_series(tmp_path / "s", stack(2), order=[8, 9], SeriesInstanceUID="1.2.3.4")
    with pytest.raises(ScanError, match="holds 2 DICOM series"):
        read_scan(tmp_path / "s")


def test_one_of_several_series_is_read_by_its_path(tmp_path):
    write_series(tmp_path / "s", stack(2), SeriesInstanceUID="1.2.3.4")
    write_series(tmp_path / "s", 255 - stack(3), order=[7, 8, 9], SeriesInstanceUID="1.2.3.5")
    path = series_path(tmp_path / "s", "1.2.3.5")
    assert sniff(path) == "folder"
    assert "1.2.3.5" not in str(path)
    np.testing.assert_array_equal(read_scan(path).pixels, (255 - stack(3)) / np.float32(255))
    assert digest_file(path) == read_scan(path).file_digest
    with pytest.raises(ScanError, match="holds no DICOM image"):
        read_scan(series_path(tmp_path / "s", "1.2.3.6"))


def test_a_damaged_slice_is_named(tmp_path):
    folder = write_series(tmp_path / "s", stack(3))
    data = (folder / "IM0001").read_bytes()
    (folder / "IM0001").write_bytes(data[:-500])
    with pytest.raises(ScanError, match="IM0001"):
        read_scan(folder)


def test_file_digest_is_that_of_the_members_whatever_their_names(tmp_path):
    folder = write_series(tmp_path / "s", stack(2))
    members = sorted(hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir())
    expected = hashlib.sha256("".join(members).encode()).hexdigest()
    assert read_scan(folder).file_digest == digest_file(folder) == expected
    (folder / "IM0000").rename(folder / "ZZ")
    assert digest_file(folder) == expected


def test_file_digest_of_a_file_is_that_of_its_bytes(tmp_path):
    path = write_dicom(tmp_path / "x.dcm", grey8())
    assert read_scan(path).file_digest == digest_file(path) == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_series_has_the_first_slices_facts_and_spacing(tmp_path):
    folder = write_series(
        tmp_path / "s", stack(2), Modality="MR", PatientSex="F", PixelSpacing=[0.5, 0.6], SpacingBetweenSlices=2.5
    )
    scan = read_scan(folder)
    assert (scan.modality, dict(scan.facts), scan.spacing) == ("MR", {"sex": "F"}, (2.5, 0.5, 0.6))
