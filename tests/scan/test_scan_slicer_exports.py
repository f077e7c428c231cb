"""A picture that Slicer loaded and saved again is the same scan, the right way up, in either format.

Slicer's own classes write here: vtkMRMLVolumeArchetypeStorageNode, which the panel exports with. Its readers for
pictures are not in slicer-core, but are ITK's, and those read the originals.
"""

import struct
import zlib

import numpy as np
import pytest
from dicom_files import compress, grey8, grey16, rgb8, write_dicom
from PIL import Image

from reid_engine.scan import read_scan

FORMATS = ["scan.nii.gz", "scan.nrrd"]
FLIPPED = ((-1, 0, 0, 7), (0, -1, 0, 9), (0, 0, 1, 4), (0, 0, 0, 1))  # what Slicer gives a picture
SAGITTAL = ((0, 0, -3, 1), (-0.5, 0, 0, 2), (0, -0.5, 0, 3), (0, 0, 0, 1))


def export(pixels, path, matrix=FLIPPED):
    """Put (S, H, W[, C]) pixels into a volume node and let Slicer write it."""
    import slicer
    import vtk
    from vtk.util import numpy_support

    scene = slicer.vtkMRMLScene()
    kind = slicer.vtkMRMLVectorVolumeNode if pixels.ndim == 4 else slicer.vtkMRMLScalarVolumeNode
    image = vtk.vtkImageData()
    image.SetDimensions(*pixels.shape[2::-1])
    flat = np.ascontiguousarray(pixels).reshape((-1, pixels.shape[3]) if pixels.ndim == 4 else -1)
    image.GetPointData().SetScalars(numpy_support.numpy_to_vtk(flat, deep=True))
    node = scene.AddNode(kind())
    node.SetAndObserveImageData(image)
    to_ras = vtk.vtkMatrix4x4()
    to_ras.DeepCopy([value for row in matrix for value in row])
    node.SetIJKToRASMatrix(to_ras)
    storage = scene.AddNode(slicer.vtkMRMLVolumeArchetypeStorageNode())
    storage.SetFileName(str(path))
    assert storage.WriteData(node)
    return path


def load(path):
    """Read a picture or DICOM file with ITK, as Slicer does: (S, H, W[, C])."""
    import itk

    pixels = itk.array_from_image(itk.imread(str(path)))
    colour = pixels.ndim > 2 and pixels.shape[-1] in (3, 4)
    return pixels if pixels.ndim == 3 + colour else pixels[np.newaxis]


PICTURES = {
    "grey.png": lambda p: Image.fromarray(grey8()).save(p),
    "deep.png": lambda p: Image.fromarray(grey16()).save(p),
    "colour.png": lambda p: Image.fromarray(rgb8()).save(p),
    "alpha.png": lambda p: Image.fromarray(np.dstack([rgb8(), grey8()])).save(p),
    "palette.png": lambda p: Image.fromarray(rgb8()).quantize(64).save(p),
    "bits.png": lambda p: Image.fromarray(grey8() > 99).save(p),
    "grey.jpg": lambda p: Image.fromarray(grey8()).save(p, quality=93),
    "colour.jpg": lambda p: Image.fromarray(rgb8()).save(p, quality=93, subsampling=0),
    "grey_in_colour.jpg": lambda p: Image.fromarray(np.dstack([grey8()] * 3)).save(p, quality=93),
    "grey.tif": lambda p: Image.fromarray(grey8()).save(p),
    "packed.tif": lambda p: Image.fromarray(rgb8()).save(p, compression="tiff_lzw"),
    "colour.tif": lambda p: Image.fromarray(rgb8()).save(p),
    "deep.tif": lambda p: Image.fromarray(grey16()).save(p),
    "float.tif": lambda p: Image.fromarray((grey16() / 7).astype(np.float32)).save(p),
}


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("picture", PICTURES)
def test_pictures(tmp_path, picture, name):
    PICTURES[picture](tmp_path / picture)
    original = read_scan(tmp_path / picture)
    exported = read_scan(export(load(tmp_path / picture), tmp_path / name))
    np.testing.assert_array_equal(exported.pixels, original.pixels)
    assert exported.pixel_digest == original.pixel_digest
    assert exported.pixels.shape[:3] == (1, 90, 70)
    upside_down = read_scan(export(load(tmp_path / picture)[:, ::-1], tmp_path / name))
    assert upside_down.pixel_digest != original.pixel_digest


@pytest.mark.parametrize("name", FORMATS)
def test_16_bit_colour(tmp_path, name):
    pixels = np.random.default_rng(5).integers(0, 65536, (1, 90, 70, 3)).astype(np.uint16)
    head = struct.pack(">IIBBBBB", 70, 90, 16, 2, 0, 0, 0)
    body = zlib.compress(b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels[0]))
    data = b"\x89PNG\r\n\x1a\n"
    for kind, part in ((b"IHDR", head), (b"IDAT", body), (b"IEND", b"")):
        data += struct.pack(">I", len(part)) + kind + part + struct.pack(">I", zlib.crc32(kind + part))
    (tmp_path / "x.png").write_bytes(data)
    assert read_scan(export(pixels, tmp_path / name)).pixel_digest == read_scan(tmp_path / "x.png").pixel_digest


@pytest.mark.parametrize("name", FORMATS)
def test_jpeg_with_subsampled_colour_differs_only_at_colour_edges(tmp_path, name):
    """ITK repeats the missing colour samples where Pillow, as browsers do, interpolates them."""
    Image.fromarray(rgb8()).save(tmp_path / "x.jpg", quality=93, subsampling=2)
    original = read_scan(tmp_path / "x.jpg").pixels
    exported = read_scan(export(load(tmp_path / "x.jpg"), tmp_path / name)).pixels
    assert np.abs(exported - original).mean() < 0.5 / 255
    assert np.corrcoef(exported.ravel(), original.ravel())[0, 1] > 0.9999


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize(
    "syntax", [None, "JPEGLosslessProcess14_1", "JPEG2000Lossless", "JPEGLSLossless", "RLELossless"]
)
def test_dicom_with_the_window_that_the_viewer_shows(tmp_path, syntax, name):
    tags = {"WindowCenter": 1900, "WindowWidth": 2500, "RescaleSlope": 2, "RescaleIntercept": -100}
    path = write_dicom(tmp_path / "x.dcm", grey16(), **tags)
    if syntax:
        path = compress(path, tmp_path / "y.dcm", syntax)
    exported = export(load(path), tmp_path / name)
    assert read_scan(exported, window=(1900, 2500)).pixel_digest == read_scan(path).pixel_digest


@pytest.mark.parametrize("name", FORMATS)
def test_monochrome1_with_the_inversion_that_the_viewer_shows(tmp_path, name):
    tags = {"WindowCenter": 1900, "WindowWidth": 2500, "PhotometricInterpretation": "MONOCHROME1"}
    path = write_dicom(tmp_path / "x.dcm", grey16(), **tags)
    exported = export(grey16()[np.newaxis], tmp_path / name)
    assert read_scan(exported, window=(1900, 2500), invert=True).pixel_digest == read_scan(path).pixel_digest


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("pixels", [grey8(), rgb8(), grey16()], ids=["grey", "colour", "16 bits"])
def test_dicom_without_window(tmp_path, pixels, name):
    path = write_dicom(tmp_path / "x.dcm", pixels)
    exported = export(load(path), tmp_path / name)
    assert read_scan(exported).pixel_digest == read_scan(path).pixel_digest


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("matrix", [FLIPPED, SAGITTAL], ids=["axial", "sagittal"])
def test_a_ct_is_known_by_its_hounsfield_units(tmp_path, name, matrix):
    slices = np.stack([grey16(seed=s) for s in (1, 2, 3)])
    slices[:, :20] = 0  # air
    for number, pixels in enumerate(slices):
        write_dicom(
            tmp_path / f"{number}.dcm", pixels, number=number, Modality="CT", RescaleSlope=1,
            RescaleIntercept=-1024, WindowCenter=40, WindowWidth=400,
        )  # fmt: skip
    original = read_scan(tmp_path)
    (tmp_path / "out").mkdir()
    values = slices.astype(np.int16) - np.int16(1024)
    exported = read_scan(export(values, tmp_path / "out" / name, matrix), window=(40, 400))
    assert exported.pixel_digest == original.pixel_digest
    assert (exported.modality, exported.modality_source) == ("CT", "image")


@pytest.mark.parametrize("name", FORMATS)
def test_spacing_survives(tmp_path, name):
    values = np.stack([grey8(seed=s) for s in (1, 2, 3)])
    scan = read_scan(export(values, tmp_path / name, SAGITTAL))
    assert scan.spacing == pytest.approx((3.0, 0.5, 0.5))
    np.testing.assert_array_equal(scan.pixels, values / np.float32(255))


def test_a_saved_volume_of_the_real_world(tmp_path, shared_data):
    for name in ("odir_cfp/8_left.jpg", "octdl_oct/erm_1043186_1.jpg", "nih_cxr_native/00000211_013.png"):
        path = shared_data / name
        original, exported = read_scan(path), read_scan(export(load(path), tmp_path / "scan.nrrd"))
        assert np.abs(exported.pixels - original.pixels).mean() < 0.5 / 255
        assert exported.modality == original.modality
        assert (exported.pixel_digest == original.pixel_digest) == ("odir" not in name)
