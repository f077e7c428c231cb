"""Writes real DICOM files from pixels, with a header full of identifiers, under pydicom 2 and 3."""

import warnings
from pathlib import Path

import numpy as np

IDENTIFIERS = {
    "PatientName": "Quasimodo^Esmeralda",
    "PatientID": "PID-778899",
    "AccessionNumber": "ACC-445566",
    "InstitutionName": "Hopital Sainte-Rita",
    "ReferringPhysicianName": "Frollo^Claude",
    "OperatorsName": "Phoebus^Chateaupers",
    "StudyID": "STUDY-112233",
    "StudyDescription": "private words of Quasimodo",
    "PatientAddress": "6 Parvis Notre-Dame",
    "DeviceSerialNumber": "SN-90210",
    "OtherPatientIDs": "MRN-55443",
}
STUDY_UID = "1.2.826.0.1.3680043.8.498.71"
SERIES_UID = "1.2.826.0.1.3680043.8.498.72"
INSTANCE_UID = "1.2.826.0.1.3680043.8.498.73"
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"

LITTLE = "1.2.840.10008.1.2.1"
IMPLICIT = "1.2.840.10008.1.2"
BIG = "1.2.840.10008.1.2.2"
DEFLATED = "1.2.840.10008.1.2.1.99"


def make_dicom(pixels: np.ndarray, *, syntax: str = LITTLE, number: int = 1, **tags):
    """Make a data set; pixels are (H, W), (S, H, W) with NumberOfFrames, or (..., 3) with photometric RGB."""
    from pydicom.dataset import FileDataset, FileMetaDataset

    colour = pixels.shape[-1] == 3
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = SECONDARY_CAPTURE
    meta.MediaStorageSOPInstanceUID = tags.get("SOPInstanceUID", f"{INSTANCE_UID}.{number}")
    meta.TransferSyntaxUID = syntax
    data = FileDataset("made", {}, file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID, data.SOPInstanceUID = SECONDARY_CAPTURE, meta.MediaStorageSOPInstanceUID
    data.StudyInstanceUID, data.SeriesInstanceUID, data.InstanceNumber = STUDY_UID, SERIES_UID, number
    for name, value in IDENTIFIERS.items():
        setattr(data, name, value)
    data.SamplesPerPixel = 3 if colour else 1
    data.PhotometricInterpretation = "RGB" if colour else "MONOCHROME2"
    if colour:
        data.PlanarConfiguration = 0
    shape = pixels.shape[:-1] if colour else pixels.shape
    if len(shape) == 3:
        data.NumberOfFrames = shape[0]
    data.Rows, data.Columns = shape[-2:]
    bits = pixels.dtype.itemsize * 8
    data.BitsAllocated, data.BitsStored, data.HighBit = bits, bits, bits - 1
    data.PixelRepresentation = int(pixels.dtype.kind == "i")
    order = ">" if syntax == BIG else "<"
    data.PixelData = pixels.astype(pixels.dtype.newbyteorder(order)).tobytes()
    if len(data.PixelData) % 2:
        data.PixelData += b"\0"
    data["PixelData"].VR = "OB" if bits == 8 else "OW"
    for name, value in tags.items():
        setattr(data, name, value)
    return data


def save_dicom(path: Path, data) -> Path:
    """Write a data set as a conformant file."""
    import pydicom

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if int(pydicom.__version__.split(".")[0]) >= 3:
            pydicom.dcmwrite(path, data, enforce_file_format=True)
        else:
            syntax = data.file_meta.TransferSyntaxUID
            data.is_little_endian, data.is_implicit_VR = syntax != BIG, syntax == IMPLICIT
            pydicom.dcmwrite(path, data, write_like_original=False)
    return path


def write_dicom(path: Path, pixels: np.ndarray, **options) -> Path:
    """Make and write in one step."""
    return save_dicom(path, make_dicom(pixels, **options))


def compress(path: Path, target: Path, syntax_name: str, *, lossy: bool = False) -> Path:
    """Rewrite an uncompressed file in another transfer syntax (a name of gdcm.TransferSyntax) through GDCM."""
    import gdcm

    reader = gdcm.ImageReader()
    reader.SetFileName(str(path))
    assert reader.Read()
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(getattr(gdcm.TransferSyntax, syntax_name)))
    if lossy:
        codec = gdcm.JPEGCodec()
        codec.SetLossless(False)
        change.SetUserCodec(codec)
    change.SetInput(reader.GetImage())
    assert change.Change()
    writer = gdcm.ImageWriter()
    writer.SetFile(reader.GetFile())
    writer.SetFileName(str(target))
    writer.SetImage(change.GetOutput())
    assert writer.Write()
    return target


def picture(height: int = 90, width: int = 70, channels: int = 0, seed: int = 1) -> np.ndarray:
    """Give a smooth, asymmetric picture with some noise: float64 in [0, 1]."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    waves = np.sin(x / 7 + seed) + np.cos(y / 11 + x / 30) + y / height + 0.1 * rng.random((height, width))
    waves = (waves - waves.min()) / np.ptp(waves)
    return np.stack([waves ** (k + 1) for k in range(channels)], axis=-1) if channels else waves


def grey8(**size) -> np.ndarray:
    return np.rint(picture(**size) * 255).astype(np.uint8)


def grey16(**size) -> np.ndarray:
    return np.rint(picture(**size) * 4000 + 90).astype(np.uint16)


def rgb8(**size) -> np.ndarray:
    return np.rint(picture(channels=3, **size) * 255).astype(np.uint8)
