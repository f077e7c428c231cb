"""What Slicer exports is, to the engine, the same picture as the file that Slicer loaded."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.data import get_testdata_file
from slicer_harness import MODULE, ROOT

from reid_engine.phantom import phantom_scan
from reid_engine.scan import Scan, read_scan


@pytest.fixture
def through_slicer(slicer, module, tmp_path: Path):
    """Give a function that reads a file as it arrives at the server after Slicer has loaded and exported it."""
    from ReidentificationRiskLib.export import ExportFolder, dicom_modality, display_params, export_volume
    from slicer_harness.scene import load_volume

    def read(path: Path) -> Scan:
        volume = load_volume(path)
        folder = ExportFolder()
        try:
            params = display_params(volume)
            if "window" in params:
                params["window"] = tuple(params["window"])
            return read_scan(export_volume(volume, folder), modality=dicom_modality(volume) or None, **params)
        finally:
            folder.remove()

    return read


def picture(shape: tuple[int, ...], dtype: type, top: int) -> np.ndarray:
    """Give a picture without any symmetry, so that a flip or a turn shows."""
    rows, columns, *rest = np.indices(shape)
    values = rows * 3 + columns * 2 + 40 * ((rows < 9) & (columns > 20)) + (17 * rest[0] if rest else 0)
    return (values * (top / values.max())).astype(dtype)


def same(a: Scan, b: Scan, tolerance: float = 0.0) -> None:
    assert a.pixels.shape == b.pixels.shape
    assert np.abs(a.pixels - b.pixels).max() <= tolerance
    if tolerance == 0:
        assert a.pixel_digest == b.pixel_digest


PICTURES = {
    "grey.png": picture((50, 70), np.uint8, 250),
    "grey16.png": picture((50, 70), np.uint16, 50_000),
    "colour.png": picture((50, 70, 3), np.uint8, 250),
    "alpha.png": picture((50, 70, 4), np.uint8, 250),
    "grey.jpg": picture((50, 70), np.uint8, 250),
    "colour.jpg": picture((50, 70, 3), np.uint8, 250),
    "grey.tif": picture((50, 70), np.uint8, 250),
    "grey16.tif": picture((50, 70), np.uint16, 4095),
    "colour.tif": picture((50, 70, 3), np.uint8, 250),
}


@pytest.mark.parametrize("name", PICTURES)
def test_pictures(through_slicer, tmp_path: Path, name: str) -> None:
    Image.fromarray(PICTURES[name]).save(tmp_path / name)
    same(through_slicer(tmp_path / name), read_scan(tmp_path / name))


@pytest.mark.parametrize("name", ["CT_small.dcm", "MR_small.dcm", "SC_rgb_rle.dcm"])
def test_dicom_that_pydicom_brings(through_slicer, name: str) -> None:
    path = Path(get_testdata_file(name))
    original = read_scan(path)
    exported = through_slicer(path)
    same(exported, original, tolerance=1e-6)
    assert exported.modality == original.modality


def dicom(path: Path, values: np.ndarray, **header: object) -> Path:
    """Write a grey DICOM file by hand, from one that pydicom brings."""
    file = pydicom.dcmread(get_testdata_file("MR_small.dcm"))
    for name in ("WindowCenter", "WindowWidth", "SmallestImagePixelValue", "LargestImagePixelValue"):
        if name in file:
            delattr(file, name)
    file.Rows, file.Columns = values.shape
    bits = 8 * values.dtype.itemsize
    file.BitsAllocated, file.BitsStored, file.HighBit, file.PixelRepresentation = bits, bits, bits - 1, 0
    file.PatientName, file.Modality = "DOE^JANE", "DX"
    file.PixelData = values.tobytes()
    for name, value in header.items():
        setattr(file, name, value)
    file.save_as(path)
    return path


@pytest.mark.parametrize(
    ("dtype", "header"),
    [
        (np.uint16, {"WindowCenter": 1500, "WindowWidth": 1200}),
        (np.uint16, {"WindowCenter": [1500, 40], "WindowWidth": [1200, 400]}),
        (np.uint16, {}),
        (np.uint16, {"PhotometricInterpretation": "MONOCHROME1"}),
        (np.uint16, {"RescaleSlope": 2, "RescaleIntercept": -100, "WindowCenter": 1500, "WindowWidth": 4000}),
        (np.uint8, {}),
        (np.uint8, {"PhotometricInterpretation": "MONOCHROME1"}),
    ],
)
def test_dicom_windows_and_inversion(through_slicer, tmp_path: Path, dtype: type, header: dict) -> None:
    top = 4095 if dtype is np.uint16 else 250
    path = dicom(tmp_path / "image.dcm", picture((64, 80), dtype, top), **header)
    same(through_slicer(path), read_scan(path), tolerance=1e-6)


def test_the_window_that_the_user_set_over_monochrome1_is_what_counts(slicer, module, tmp_path: Path) -> None:
    """ITK, which Slicer reads DICOM with, turns such values around, so the header's own window suits no longer."""
    from ReidentificationRiskLib.export import ExportFolder, display_params, export_volume
    from slicer_harness.scene import load_volume

    header = {"PhotometricInterpretation": "MONOCHROME1", "WindowCenter": 900, "WindowWidth": 500}
    path = dicom(tmp_path / "image.dcm", picture((64, 80), np.uint16, 4095), **header)
    volume = load_volume(path)
    volume.GetDisplayNode().SetWindowLevel(500, 65535 - 900 + 1)  # the mirror of DICOM's linear function
    params, folder = display_params(volume), ExportFolder()
    exported = read_scan(export_volume(volume, folder), window=tuple(params["window"]))
    folder.remove()
    same(exported, read_scan(path), tolerance=1e-5)


@pytest.mark.parametrize("kind", ["CFP", "OCT", "CXR"])
def test_phantoms(through_slicer, tmp_path: Path, kind: str) -> None:
    Image.fromarray(phantom_scan(kind, subject=3, session=1, size=128)).save(tmp_path / "phantom.png")
    same(through_slicer(tmp_path / "phantom.png"), read_scan(tmp_path / "phantom.png"))


@pytest.mark.parametrize("name", ["volume.nii.gz", "volume.nrrd"])
def test_volumes_keep_the_order_of_their_slices(through_slicer, slicer, tmp_path: Path, name: str) -> None:
    import itk

    values = np.stack([picture((40, 56), np.int16, 900) + 100 * k for k in range(7)])
    image = itk.image_from_array(values)
    image.SetSpacing([0.5, 0.7, 3.0])
    itk.imwrite(image, str(tmp_path / name))
    exported, original = through_slicer(tmp_path / name), read_scan(tmp_path / name)
    same(exported, original)
    assert exported.spacing == pytest.approx((3.0, 0.7, 0.5))


def test_a_window_that_slicer_made_up_is_not_sent(slicer, module) -> None:
    from ReidentificationRiskLib.export import display_params

    node = slicer.util.addVolumeFromArray(picture((1, 40, 40), np.int16, 900))
    assert node.GetDisplayNode().GetAutoWindowLevel()
    assert display_params(node) == {}
    node.GetDisplayNode().SetAutoWindowLevel(False)
    node.GetDisplayNode().SetWindowLevel(300, 120)
    assert display_params(node) == {"window": [120.0, 300.0]}
    node.GetDisplayNode().SetAndObserveColorNodeID("vtkMRMLColorTableNodeInvertedGrey")
    assert display_params(node) == {"window": [120.0, 300.0], "invert": True}


def test_a_volume_without_display_can_be_sent(slicer, module) -> None:
    from ReidentificationRiskLib.export import display_params, require_image

    node = slicer.util.addVolumeFromArray(picture((1, 40, 40), np.int16, 900))
    node.RemoveAllDisplayNodeIDs()
    assert display_params(node) == {}
    assert require_image(node) is node.GetImageData()


def test_the_file_holds_nothing_of_the_header(slicer, module, tmp_path: Path) -> None:
    from ReidentificationRiskLib.export import ExportFolder, export_volume
    from slicer_harness.scene import load_volume

    path = dicom(tmp_path / "image.dcm", picture((64, 80), np.uint16, 4095), PatientID="SECRET-ID")
    assert b"SECRET-ID" in path.read_bytes()
    volume = load_volume(path, "DOE^JANE")
    volume.SetAttribute("DICOM.instanceUIDs", "1.2.826.0.1.SECRET")
    folder = ExportFolder()
    file = export_volume(volume, folder)
    header, _, pixels = file.read_bytes().partition(b"\n\n")
    fields = {line.split(b":")[0] for line in header.splitlines()[1:] if not line.startswith(b"#")}
    assert fields == {
        b"type", b"dimension", b"space", b"sizes", b"space directions", b"kinds", b"endian", b"encoding",
        b"space origin",
    }  # fmt: skip
    assert len(pixels) == 64 * 80 * 2
    assert file.name == "scan.nrrd"
    assert folder.path.stat().st_mode & 0o777 == 0o700
    folder.remove()
    folder.remove()


def test_four_components_lose_their_alpha_and_keep_their_place(slicer, module) -> None:
    from ReidentificationRiskLib.export import ExportFolder, export_volume

    values = picture((40, 50, 4), np.uint8, 250)[np.newaxis]
    geometry = np.array([[-0.5, 0, 0, 3], [0, -0.7, 0, 4], [0, 0, 2, 5], [0, 0, 0, 1]])
    node = slicer.util.addVolumeFromArray(values, geometry, nodeClassName="vtkMRMLVectorVolumeNode")
    folder = ExportFolder()
    scan = read_scan(export_volume(node, folder))
    folder.remove()
    np.testing.assert_allclose(scan.pixels[0] * 255, values[0, ..., :3], atol=1e-4)
    assert scan.spacing == pytest.approx((2.0, 0.7, 0.5))
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLVectorVolumeNode") == 1


FULL_DISK = """
import resource, sys
sys.path[:0] = sys.argv[1:3]
import slicer_harness; slicer_harness.start()
import numpy as np, signal, slicer
from ReidentificationRiskLib.errors import ExportError
from ReidentificationRiskLib.export import ExportFolder, export_volume
node = slicer.util.addVolumeFromArray(np.zeros((4, 512, 512), np.int16))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
folder = ExportFolder()
try:
    export_volume(node, folder)
except ExportError as error:
    print("refused:", error)
folder.remove()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows knows no limit of a file's size")
def test_a_full_disk_is_told_and_nothing_half_written_is_sent() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, ROOT / "tests", MODULE], capture_output=True, text=True, check=True
    )
    assert "refused: The scan could not be written to a temporary file: is there room on the disk?" in done.stdout
