"""The real DICOM files that pydicom bundles, against pydicom's own decoding and ITK's."""

import warnings
from pathlib import Path

import numpy as np
import pydicom
import pytest

from reid_engine.errors import ScanError
from reid_engine.readers.frames import read_frames
from reid_engine.scan import read_scan

FOLDER = Path(pydicom.__file__).parent / "data" / "test_files"
FILES = sorted(path.name for path in FOLDER.glob("*.dcm"))

GREY = [
    "693_J2KI.dcm",
    "CT_small.dcm",
    "J2K_pixelrep_mismatch.dcm",
    "JPEG2000.dcm",
    "JPGExtended.dcm",
    "MR_small.dcm",
    "MR_small_RLE.dcm",
    "MR_small_bigendian.dcm",
    "MR_small_implicit.dcm",
    "MR_small_jp2klossless.dcm",
    "MR_small_jpeg_ls_lossless.dcm",
    "MR_small_padded.dcm",
    "image_dfl.dcm",
]
COLOUR = [
    "ExplVR_BigEnd.dcm",
    "GDCMJ2K_TextGBR.dcm",
    "SC_jpeg_no_color_transform.dcm",
    "SC_jpeg_no_color_transform_2.dcm",
    "SC_rgb_dcmtk_+eb+cr.dcm",
    "SC_rgb_dcmtk_+eb+cy+n1.dcm",
    "SC_rgb_dcmtk_+eb+cy+n2.dcm",
    "SC_rgb_dcmtk_+eb+cy+np.dcm",
    "SC_rgb_dcmtk_+eb+cy+s2.dcm",
    "SC_rgb_dcmtk_+eb+cy+s4.dcm",
    "SC_rgb_gdcm_KY.dcm",
    "SC_rgb_jpeg.dcm",
    "SC_rgb_jpeg_dcmtk.dcm",
    "SC_rgb_jpeg_gdcm.dcm",
    "SC_rgb_jpeg_lossy_gdcm.dcm",
    "SC_rgb_rle.dcm",
    "SC_ybr_full_422_uncompressed.dcm",
]


def dataset(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pydicom.dcmread(FOLDER / name, force=True)


@pytest.mark.parametrize("name", GREY)
def test_stored_grey_values_are_pydicoms(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = dataset(name).pixel_array
        ours = read_frames(FOLDER / name, dataset(name))[0]
    # pydicom may decode 12-bit JPEG with another library, whose cosine transform rounds differently
    np.testing.assert_allclose(ours, theirs, atol=1 if name == "JPGExtended.dcm" else 0)


@pytest.mark.parametrize("name", COLOUR)
def test_colours_are_those_that_itk_and_so_slicer_shows(name):
    import itk

    theirs = itk.array_from_image(itk.imread(str(FOLDER / name)))[0]
    ours = read_scan(FOLDER / name).pixels[0] * 255
    # ITK rounds Y, Cb and Cr to RGB in whole numbers
    np.testing.assert_allclose(ours, theirs, atol=1.01 if "422_uncompressed" in name else 1e-4)


def test_the_same_scan_in_seven_encodings_has_one_digest():
    names = [name for name in FILES if name.startswith("MR_small") and "truncated" not in name]
    assert len(names) == 8
    assert len({read_scan(FOLDER / name).pixel_digest for name in names}) == 1


def test_rescaled_values_are_itks():
    import itk

    theirs = itk.array_from_image(itk.imread(str(FOLDER / "CT_small.dcm")))[0].astype(float)
    ours = read_scan(FOLDER / "CT_small.dcm")
    np.testing.assert_allclose(ours.pixels[0], np.clip((theirs + 1000) / 2000, 0, 1), atol=1e-6)
    assert (ours.modality, ours.modality_source) == ("CT", "header")
    assert ours.spacing == pytest.approx((5.0, 0.661468, 0.661468))


@pytest.mark.parametrize("name", FILES)
def test_every_file_is_read_or_refused_in_one_line_and_in_silence(name, capfd, caplog):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            pixels, told = read_scan(FOLDER / name).pixels, ""
        except ScanError as error:
            pixels, told = np.array([0.0, 1.0]), str(error)
    assert not told or (told.startswith(f"{FOLDER / name}: ") and "\n" not in told)
    assert (pixels.min() >= 0) & (pixels.max() <= 1)
    assert not caplog.records
    printed = "".join(capfd.readouterr())
    header = dataset(name)
    secrets = [str(header.get(tag, "")) for tag in ("PatientName", "PatientID", "SOPInstanceUID")]
    assert not [secret for secret in secrets if len(secret) > 3 and secret in printed]


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("MR_truncated.dcm", "cut short"),
        ("JPEG2000-embedded-sequence-delimiter.dcm", "damaged"),
        ("rtplan.dcm", "holds no image"),
        ("rtdose.dcm", "holds no image"),
        ("liver_1frame.dcm", "holds no image"),
        ("test-SR.dcm", "holds no image"),
        ("waveform_ecg.dcm", "holds no image"),
        ("SC_rgb_small_odd.dcm", "3 x 3 pixels"),
    ],
)
def test_refused_files(name, match):
    with pytest.raises(ScanError, match=match):
        read_scan(FOLDER / name)
