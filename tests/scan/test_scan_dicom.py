"""Uncompressed DICOM: depths, signs, byte orders, rescaling, windows, tables, colours, frames."""

import numpy as np
import pytest
from dicom_files import BIG, DEFLATED, IMPLICIT, LITTLE, grey8, grey16, make_dicom, rgb8, save_dicom, write_dicom

from reid_engine.errors import ScanError
from reid_engine.readers.display import HU_WINDOW
from reid_engine.scan import read_scan


def item(**tags):
    from pydicom.dataset import Dataset

    made = Dataset()
    for name, value in tags.items():
        setattr(made, name, value)
    return made


def linear(x, centre, width):
    """DICOM PS3.3 C.11.2.1.2.1, case by case as the standard writes it, to [0, 1]."""
    x = x.astype(np.float64)
    inner = (x - (centre - 0.5)) / (width - 1) + 0.5
    below, above = x <= centre - 0.5 - (width - 1) / 2, x > centre - 0.5 + (width - 1) / 2
    return np.where(below, 0.0, np.where(above, 1.0, inner))


@pytest.mark.parametrize("syntax", [LITTLE, IMPLICIT, BIG, DEFLATED])
@pytest.mark.parametrize(
    "pixels", [grey8(), grey16(), grey16().astype(np.int16) - np.int16(2000)], ids=["u8", "u16", "i16"]
)
def test_transfer_syntax_does_not_matter(tmp_path, pixels, syntax):
    scan = read_scan(write_dicom(tmp_path / "x.dcm", pixels, syntax=syntax, WindowCenter=900, WindowWidth=1800))
    np.testing.assert_allclose(scan.pixels[0], linear(pixels, 900, 1800), atol=1e-6)


def test_8_bits_without_window_are_display_values(tmp_path):
    scan = read_scan(write_dicom(tmp_path / "x.dcm", grey8()))
    np.testing.assert_array_equal(scan.pixels[0], grey8() / np.float32(255))


def test_16_bits_without_window_get_the_percentile_window(tmp_path):
    scan = read_scan(write_dicom(tmp_path / "x.dcm", grey16()))
    low, high = np.percentile(grey16(), (0.5, 99.5))
    np.testing.assert_allclose(scan.pixels[0], np.clip((grey16() - low) / (high - low), 0, 1), atol=1e-6)


def test_monochrome1_is_the_negative(tmp_path):
    tags = {"WindowCenter": 2000, "WindowWidth": 3000}
    plain = read_scan(write_dicom(tmp_path / "2.dcm", grey16(), **tags))
    negative = read_scan(write_dicom(tmp_path / "1.dcm", grey16(), PhotometricInterpretation="MONOCHROME1", **tags))
    np.testing.assert_allclose(negative.pixels, 1 - plain.pixels, atol=1e-6)
    eight = read_scan(write_dicom(tmp_path / "8.dcm", grey8(), PhotometricInterpretation="MONOCHROME1"))
    np.testing.assert_array_equal(eight.pixels[0], (255 - grey8()) / np.float32(255))


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
def test_windows_agree_with_pydicom(tmp_path, function):
    try:
        from pydicom.pixels import apply_windowing
    except ImportError:  # pydicom 2
        from pydicom.pixel_data_handlers.util import apply_windowing

    data = make_dicom(grey16(), WindowCenter=[1900, 50], WindowWidth=[2100, 60], VOILUTFunction=function)
    scan = read_scan(save_dicom(tmp_path / "x.dcm", data))
    theirs = apply_windowing(grey16().astype(np.float64), data)
    np.testing.assert_allclose(scan.pixels[0], theirs / 65535, atol=2e-5)


def test_rescaling_comes_before_the_window(tmp_path):
    tags = {"RescaleSlope": 0.25, "RescaleIntercept": -300.5, "WindowCenter": 200, "WindowWidth": 700}
    scan = read_scan(write_dicom(tmp_path / "x.dcm", grey16(), **tags))
    np.testing.assert_allclose(scan.pixels[0], linear(grey16() * 0.25 - 300.5, 200, 700), atol=1e-6)


@pytest.mark.parametrize(("slope", "intercept"), [(32767, -32767), (100_000, 7), (1, 3_000_000_000), (-3, 5)])
def test_rescaling_does_not_overflow(tmp_path, slope, intercept):
    pixels = grey16()
    pixels[0, :2] = 0, 65535
    values = pixels.astype(float) * slope + intercept
    window = (float(values.mean()), float(np.ptp(values)))
    tags = {"RescaleSlope": slope, "RescaleIntercept": intercept}
    scan = read_scan(write_dicom(tmp_path / "x.dcm", pixels, **tags), window=window)
    np.testing.assert_allclose(scan.pixels[0], np.clip(linear(values, *window), 0, 1), atol=2e-3)


def test_voi_table_is_preferred_to_the_window(tmp_path):
    table = (np.linspace(0, 1, 1000) ** 2 * 4095).astype(np.uint16)
    sequence = [item(LUTDescriptor=[1000, 500, 12], LUTData=table.tolist())]
    sequence[0]["LUTDescriptor"].VR = "US"
    sequence[0]["LUTData"].VR = "US"
    data = make_dicom(grey16(), VOILUTSequence=sequence, WindowCenter=2000, WindowWidth=99)
    scan = read_scan(save_dicom(tmp_path / "x.dcm", data))
    expected = table[np.clip(grey16().astype(int) - 500, 0, 999)] / 4095
    np.testing.assert_allclose(scan.pixels[0], expected, atol=1e-6)


def test_modality_table_replaces_rescaling(tmp_path):
    table = (np.arange(4200)[::-1] * 2).astype(np.uint16)
    sequence = [item(LUTDescriptor=[4200, 0, 16], LUTData=table.tolist(), ModalityLUTType="US")]
    sequence[0]["LUTDescriptor"].VR = "US"
    sequence[0]["LUTData"].VR = "US"
    data = make_dicom(grey16(), ModalityLUTSequence=sequence, WindowCenter=4000, WindowWidth=8000)
    scan = read_scan(save_dicom(tmp_path / "x.dcm", data))
    np.testing.assert_allclose(scan.pixels[0], linear(table[grey16()], 4000, 8000), atol=1e-6)


def test_a_damaged_table_or_window_is_left_out(tmp_path):
    broken = [item(LUTDescriptor=[1000, 0, 99], LUTData=[1, 2, 3])]
    for element in ("LUTDescriptor", "LUTData"):
        broken[0][element].VR = "US"
    data = make_dicom(grey8(), VOILUTSequence=broken, WindowCenter=100, WindowWidth=0)
    scan = read_scan(save_dicom(tmp_path / "x.dcm", data))
    np.testing.assert_array_equal(scan.pixels[0], grey8() / np.float32(255))


def test_rgb_by_pixel_and_by_plane(tmp_path):
    by_pixel = read_scan(write_dicom(tmp_path / "a.dcm", rgb8()))
    planes = make_dicom(rgb8(), PlanarConfiguration=1)
    planes.PixelData = rgb8().transpose(2, 0, 1).tobytes()
    by_plane = read_scan(save_dicom(tmp_path / "b.dcm", planes))
    np.testing.assert_array_equal(by_pixel.pixels[0], rgb8() / np.float32(255))
    assert by_plane.pixel_digest == by_pixel.pixel_digest


def test_ybr_full_is_turned_into_rgb(tmp_path):
    from PIL import Image

    ybr = np.asarray(Image.fromarray(rgb8()).convert("YCbCr"))
    scan = read_scan(write_dicom(tmp_path / "x.dcm", ybr, PhotometricInterpretation="YBR_FULL"))
    expected = np.asarray(Image.frombytes("YCbCr", (70, 90), ybr.tobytes()).convert("RGB")) / 255
    np.testing.assert_allclose(scan.pixels[0], expected, atol=1.01 / 255)


def test_ybr_full_422_is_turned_into_rgb(tmp_path):
    luma = grey8()
    packed = np.empty((90, 35, 4), np.uint8)
    packed[..., 0], packed[..., 1] = luma[:, ::2], luma[:, 1::2]
    packed[..., 2], packed[..., 3] = 90, 180
    data = make_dicom(rgb8(), PhotometricInterpretation="YBR_FULL_422")
    data.PixelData = packed.tobytes()
    scan = read_scan(save_dicom(tmp_path / "x.dcm", data))
    red = np.clip(luma + 1.402 * 52, 0, 255)
    blue = np.clip(luma + 1.772 * -38, 0, 255)
    np.testing.assert_allclose(scan.pixels[0, ..., 0], red / 255, atol=1 / 255)
    np.testing.assert_allclose(scan.pixels[0, ..., 2], blue / 255, atol=1 / 255)


@pytest.mark.parametrize("bits", [8, 16])
def test_palette_is_looked_up(tmp_path, bits):
    rng = np.random.default_rng(4)
    colours = rng.integers(0, 256, (256, 3)).astype(np.uint16)
    stored = colours * 257 if bits == 16 else colours
    data = make_dicom(grey8(), PhotometricInterpretation="PALETTE COLOR")
    for channel, name in enumerate(("Red", "Green", "Blue")):
        setattr(data, f"{name}PaletteColorLookupTableDescriptor", [256, 0, bits])
        data[f"{name}PaletteColorLookupTableDescriptor"].VR = "US"
        table = stored[:, channel].astype("<u2" if bits == 16 else "u1").tobytes()
        setattr(data, f"{name}PaletteColorLookupTableData", table)
    scan = read_scan(save_dicom(tmp_path / "x.dcm", data))
    np.testing.assert_array_equal(scan.pixels[0], colours[grey8()].astype(np.float32) / np.float32(255))


def test_frames_are_slices(tmp_path):
    frames = np.stack([grey16(seed=s) for s in (1, 2, 3, 4)])
    scan = read_scan(write_dicom(tmp_path / "x.dcm", frames, WindowCenter=2000, WindowWidth=4000))
    assert scan.is_volume
    np.testing.assert_allclose(scan.pixels, linear(frames, 2000, 4000), atol=1e-6)
    colour = np.stack([rgb8(seed=s) for s in (1, 2)])
    scan = read_scan(write_dicom(tmp_path / "c.dcm", colour))
    np.testing.assert_array_equal(scan.pixels, colour / np.float32(255))


def test_functional_groups_rescale_each_frame_and_give_window_and_spacing(tmp_path):
    frames = np.stack([grey16(seed=s) for s in (1, 2)])
    per_frame = [
        item(PixelValueTransformationSequence=[item(RescaleSlope=slope, RescaleIntercept=add, RescaleType="US")])
        for slope, add in ((2, 5), (0.5, -7))
    ]
    shared = item(
        FrameVOILUTSequence=[item(WindowCenter=2500, WindowWidth=5000)],
        PixelMeasuresSequence=[item(PixelSpacing=[0.5, 0.25], SliceThickness=3)],
        FrameAnatomySequence=[item(FrameLaterality="L")],
    )
    data = make_dicom(frames, PerFrameFunctionalGroupsSequence=per_frame)
    data.SharedFunctionalGroupsSequence = [shared]
    scan = read_scan(save_dicom(tmp_path / "x.dcm", data))
    expected = np.stack([frames[0] * 2.0 + 5, frames[1] * 0.5 - 7])
    np.testing.assert_allclose(scan.pixels, linear(expected, 2500, 5000), atol=1e-6)
    assert scan.spacing == (3.0, 0.5, 0.25)
    assert scan.laterality == "L"


def test_ct_gets_one_window_whatever_the_header_or_the_viewer_says(tmp_path):
    stored = grey16()
    tags = {"Modality": "CT", "RescaleSlope": 1, "RescaleIntercept": -1024}
    lung = read_scan(write_dicom(tmp_path / "a.dcm", stored, WindowCenter=-600, WindowWidth=1500, **tags))
    bone = read_scan(write_dicom(tmp_path / "b.dcm", stored, WindowCenter=300, WindowWidth=1500, **tags))
    shown = read_scan(tmp_path / "a.dcm", window=(40, 400))
    assert lung.pixel_digest == bone.pixel_digest == shown.pixel_digest
    low = HU_WINDOW[0] - HU_WINDOW[1] / 2
    expected = np.clip((stored - 1024.0 - low) / HU_WINDOW[1], 0, 1)
    np.testing.assert_allclose(lung.pixels[0], expected, atol=1e-6)


def test_the_viewers_window_and_inversion_replace_the_headers(tmp_path):
    path = write_dicom(tmp_path / "x.dcm", grey16(), WindowCenter=9, WindowWidth=9)
    shown = read_scan(path, window=(1500, 2200), invert=True)
    np.testing.assert_allclose(shown.pixels[0], 1 - linear(grey16(), 1500, 2200), atol=1e-6)
    first = write_dicom(tmp_path / "1.dcm", grey16(), PhotometricInterpretation="MONOCHROME1")
    again = read_scan(first, window=(1500, 2200), invert=True)
    assert again.pixel_digest == shown.pixel_digest, "the viewer says what the header says: inverted once"


@pytest.mark.parametrize("window", [(float("nan"), 10.0), (0.0, 0.0), (0.0, -5.0), (0.0, float("inf"))])
def test_an_impossible_window_is_refused(tmp_path, window):
    path = write_dicom(tmp_path / "x.dcm", grey16())
    with pytest.raises(ScanError, match="window needs"):
        read_scan(path, window=window)


def test_float_pixels(tmp_path):
    values = grey16().astype(np.float32) / 7
    values[2, 3] = np.nan
    data = make_dicom(grey16(), BitsAllocated=32, WindowCenter=200, WindowWidth=300)
    del data.PixelData
    data.FloatPixelData = values.tobytes()
    scan = read_scan(save_dicom(tmp_path / "x.dcm", data))
    expected = linear(values, 200, 300)
    expected[2, 3] = linear(np.nanmin(values), 200, 300)
    np.testing.assert_allclose(scan.pixels[0], expected, atol=1e-5)


def test_a_file_without_preamble(tmp_path):
    path = write_dicom(tmp_path / "x.dcm", grey8(), syntax=IMPLICIT)
    whole = read_scan(path)
    data = path.read_bytes()
    bare = tmp_path / "bare"
    bare.write_bytes(data[132:])
    assert read_scan(bare).pixel_digest == whole.pixel_digest


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"PixelData": None}, "holds no image"),
        ({"Modality": "SEG"}, "holds no image"),
        ({"Rows": None}, "does not describe"),
        ({"BitsAllocated": None}, "does not describe"),
        ({"SamplesPerPixel": 2}, "does not describe"),
        ({"Rows": 91}, "damaged, cut short"),
        ({"NumberOfFrames": 5}, "damaged, cut short"),
        ({"Rows": 60000, "Columns": 60000}, "more than is read"),
        ({"NumberOfFrames": 2_000_000}, "more than is read"),
        ({"Rows": 0}, "is empty"),
        ({"Rows": 16}, "fewer than 32"),
    ],
)
def test_refusals(tmp_path, change, match):
    data = make_dicom(grey8())
    for name, value in change.items():
        if value is None:
            del data[name]
        else:
            setattr(data, name, value)
    path = save_dicom(tmp_path / "x.dcm", data)
    with pytest.raises(ScanError, match=match) as caught:
        read_scan(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_a_truncated_file(tmp_path):
    path = write_dicom(tmp_path / "x.dcm", grey16())
    data = path.read_bytes()
    for share in (0.4, 0.9, 0.999):
        path.write_bytes(data[: int(len(data) * share)])
        with pytest.raises(ScanError):
            read_scan(path)


def test_a_deflated_bomb_is_refused_before_it_fills_the_memory(tmp_path, monkeypatch):
    from reid_engine.readers import dicom

    monkeypatch.setattr(dicom, "MAX_VALUES", 10_000)
    path = write_dicom(tmp_path / "x.dcm", np.zeros((400, 400), np.uint8), syntax=DEFLATED)
    assert path.stat().st_size < 2_000
    with pytest.raises(ScanError, match="larger than any scan"):
        read_scan(path)
