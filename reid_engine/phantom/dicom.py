"""A synthetic scan as a DICOM file with a full header, as a modality would write it."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from reid_engine.phantom.canvas import Array, quantise

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

CLASSES = {
    "CFP": ("1.2.840.10008.5.1.4.1.1.77.1.5.1", "OP"),  # Ophthalmic Photography 8 Bit Image Storage
    "OCT": ("1.2.840.10008.5.1.4.1.1.77.1.5.4", "OPT"),  # Ophthalmic Tomography Image Storage
    "CXR": ("1.2.840.10008.5.1.4.1.1.1.1", "DX"),  # Digital X-Ray Image Storage - For Presentation
}
"""SOP class and DICOM modality of each kind."""

WINDOW_CENTRE, WINDOW_WIDTH = 2048, 4095
"""The window that the 12-bit files ask for: stored 0.5 is black and 4095.5 is white."""


def write_dicom(path: Path, picture: Array, row: Mapping[str, str], seed: int) -> None:
    """Write display values as DICOM: 8-bit RGB for colour, 12 bits in 16-bit MONOCHROME2 for grey.

    Parameters
    ----------
    path
        The file to write.
    picture
        (H, W) or (H, W, 3), display values in [0, 1].
    row
        The scan's line of a manifest.
    seed
        Of the cohort; UIDs follow from it and the file's name, so the same call gives the same bytes.
    """
    import pydicom
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    sop_class, modality = CLASSES[row["modality"]]
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = sop_class
    meta.MediaStorageSOPInstanceUID = _uid(seed, "instance", row["file"])
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    header = FileDataset(str(path), {}, b"\0" * 128, meta, is_implicit_VR=False)
    header.SOPClassUID, header.SOPInstanceUID = sop_class, meta.MediaStorageSOPInstanceUID
    header.Modality = modality
    _identify(header, row, seed)
    _describe(header, row)
    _put_pixels(header, picture)
    complete = (
        {"write_like_original": False} if int(pydicom.__version__.split(".")[0]) < 3 else {"enforce_file_format": True}
    )
    header.save_as(path, **complete)


def _identify(header: "Dataset", row: Mapping[str, str], seed: int) -> None:
    """Name patient and study, as a hospital's file does; all of it invented."""
    visit = f"{row['subject_id']}/{row['session_id']}"
    header.PatientID = f"MRN-{row['subject_id']}"
    header.PatientName = f"Phantom^{row['subject_id']}"
    header.PatientBirthDate = f"{int(row['acquired'][:4]) - int(float(row['age']))}0101"
    header.StudyInstanceUID = _uid(seed, "study", visit)
    header.SeriesInstanceUID = _uid(seed, "series", row["file"])
    header.StudyID, header.AccessionNumber = row["session_id"], _uid(seed, "order", visit)[-12:]
    header.SeriesNumber, header.InstanceNumber = 1, 1
    header.ReferringPhysicianName = ""


def _describe(header: "Dataset", row: Mapping[str, str]) -> None:
    day = row["acquired"].replace("-", "")
    header.StudyDate = header.SeriesDate = header.AcquisitionDate = header.ContentDate = day
    header.StudyTime = header.ContentTime = "101500"
    header.PatientSex = row["sex"]
    header.PatientAge = f"{int(float(row['age'])):03d}Y"
    header.Manufacturer, header.ManufacturerModelName = "Phantom", row["device"]
    header.ImageType = ["ORIGINAL", "PRIMARY"]
    if row["modality"] == "CXR":
        header.BodyPartExamined, header.ViewPosition = "CHEST", row["view"]
        header.ImageLaterality, header.PixelSpacing = "U", [1.5, 1.5]
        header.PresentationIntentType, header.PatientOrientation = "FOR PRESENTATION", ["L", "F"]
    else:
        header.BodyPartExamined, header.ImageLaterality = "EYE", row["laterality"]


def _put_pixels(header: "Dataset", picture: Array) -> None:
    header.Rows, header.Columns = picture.shape[:2]
    header.PixelRepresentation = 0
    if picture.ndim == 3:
        header.SamplesPerPixel, header.PlanarConfiguration = 3, 0
        header.PhotometricInterpretation = "RGB"
        header.BitsAllocated, header.BitsStored, header.HighBit = 8, 8, 7
        pixels: bytes = quantise(picture).tobytes()
    else:
        header.SamplesPerPixel, header.PhotometricInterpretation = 1, "MONOCHROME2"
        header.BitsAllocated, header.BitsStored, header.HighBit = 16, 12, 11
        header.RescaleIntercept, header.RescaleSlope, header.RescaleType = 0, 1, "US"
        header.WindowCenter, header.WindowWidth = WINDOW_CENTRE, WINDOW_WIDTH
        header.PresentationLUTShape = "IDENTITY"
        pixels = np.clip(np.rint(picture * 4095.0), 0, 4095).astype("<u2").tobytes()
    header.PixelData = pixels + b"\0" * (len(pixels) % 2)


def _uid(seed: int, kind: str, name: str) -> str:
    from pydicom.uid import generate_uid

    return str(generate_uid(entropy_srcs=["phantom", str(seed), kind, name]))
