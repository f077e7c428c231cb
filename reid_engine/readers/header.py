"""What a DICOM header says that a cohort needs; nothing that names the patient leaves this module."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any

_ALWAYS = {
    "CT": "CT",
    "MR": "MR",
    "OPT": "OCT",
    "MG": "MG",
    "US": "US",
    "IVUS": "US",
    "PT": "PT",
    "NM": "NM",
    "XA": "XA",
}
_RADIOGRAPHS = ("CR", "DX", "RG")
_THORAX_CODES = ("51185008", "T-D3000", "43799004", "T-D1500", "39607008", "T-28000")
_CHEST = re.compile(r"chest|thora|torax|tórax|lung|poumon|\bcxr\b|\brib", re.IGNORECASE)
_ANGIOGRAPHY = re.compile(r"angiogra|fluoresc|\bff?a\b|\bicga?\b", re.IGNORECASE)
_AUTOFLUORESCENCE = re.compile(r"auto.?fluor|\bfaf\b", re.IGNORECASE)
_LASER_CODES = ("409899004", "A-00E8B", "392001008")
_VIEWS = {
    "272479007": "PA", "R-10214": "PA",
    "399348003": "AP", "R-10206": "AP",
    "399173006": "LL", "R-10236": "LL", "399198007": "RL", "R-10232": "RL",
    "399162004": "CC", "R-10242": "CC", "399368009": "MLO", "R-10226": "MLO",
}  # fmt: skip
_VIEW = re.compile(r"[A-Z][A-Z0-9 ]{0,11}")
_AGE = re.compile(r"(\d{1,3})([DWMY])")
_YEARS = {"D": 1 / 365.25, "W": 7 / 365.25, "M": 1 / 12, "Y": 1.0}
_DATES = ("AcquisitionDate", "ContentDate", "StudyDate")
_DEVICE_LENGTH = 64


@dataclass(frozen=True)
class Header:
    """Modality, side, view, spacing and facts of a DICOM data set; None is unknown.

    Parameters
    ----------
    radiograph
        Whether it is a radiograph whose body part the header does not give.
    """

    modality: str | None
    laterality: str | None
    view: str | None
    spacing: tuple[float, float, float] | None
    radiograph: bool = False
    facts: dict[str, str | float] = field(default_factory=dict)


def read_header(dataset: Any) -> Header:
    """Read what a cohort needs of a pydicom data set; a value that makes no sense is left out."""
    modality, radiograph = _modality(dataset)
    return Header(modality, _laterality(dataset), _view(dataset), _spacing(dataset), radiograph, _facts(dataset))


def text(dataset: Any, name: str) -> str:
    """Give an attribute as plain text, empty when it is missing or unreadable."""
    try:
        value = dataset.get(name)
    except Exception:
        return ""
    if value is None:
        return ""
    if not isinstance(value, str) and hasattr(value, "__iter__"):
        value = next(iter(value), "")
    return "".join(c for c in str(value) if c.isprintable()).strip()


def number(dataset: Any, name: str) -> float | None:
    """Give an attribute's first value as a finite number, None when it is missing or unreadable."""
    try:
        value = float(text(dataset, name))
    except ValueError:
        return None
    return value if abs(value) < float("inf") else None


def functional_groups(dataset: Any, sequence: str) -> Iterator[Any]:
    """Give the items of a functional group of a multi-frame image, those shared by all frames first."""
    for outer in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
        for group in items(dataset, outer):
            yield from items(group, sequence)


def items(dataset: Any, name: str) -> Iterator[Any]:
    """Give a sequence's items, none when it is missing or unreadable."""
    try:
        yield from dataset.get(name) or ()
    except Exception:
        return


def _modality(dataset: Any) -> tuple[str | None, bool]:
    code = text(dataset, "Modality").upper()
    if code in _RADIOGRAPHS:
        return _radiograph(dataset)
    if code == "OP":
        return _ophthalmic(dataset), False
    return _ALWAYS.get(code), False


def _radiograph(dataset: Any) -> tuple[str | None, bool]:
    if any(c in _THORAX_CODES for c in _codes(dataset, "AnatomicRegionSequence")):
        return "CXR", False
    part = text(dataset, "BodyPartExamined")
    if part:
        return ("CXR" if _CHEST.search(part) else "XR"), False
    if _CHEST.search(_descriptions(dataset)):
        return "CXR", False
    return "XR", True


def _ophthalmic(dataset: Any) -> str | None:
    if text(dataset, "SamplesPerPixel") == "3" or "PALETTE" in text(dataset, "PhotometricInterpretation"):
        return "CFP"
    words = _descriptions(dataset)
    if _AUTOFLUORESCENCE.search(words):
        return "FAF"
    if any(True for _ in items(dataset, "ContrastBolusAgentSequence")) or _ANGIOGRAPHY.search(words):
        return "FA"
    if any(c in _LASER_CODES for c in _codes(dataset, "AcquisitionDeviceTypeCodeSequence")):
        return "SLO"
    return None


def _descriptions(dataset: Any) -> str:
    names = (
        "StudyDescription",
        "SeriesDescription",
        "ProtocolName",
        "AcquisitionDeviceProcessingDescription",
    )
    return " ".join(text(dataset, name) for name in names)


def _codes(dataset: Any, sequence: str) -> list[str]:
    return [text(item, "CodeValue") for item in items(dataset, sequence)]


def _laterality(dataset: Any) -> str | None:
    sides = [text(dataset, "ImageLaterality"), text(dataset, "Laterality")]
    sides += [text(item, "FrameLaterality") for item in functional_groups(dataset, "FrameAnatomySequence")]
    known = {side.upper() for side in sides if side.upper() in ("L", "R")}
    return known.pop() if len(known) == 1 else None


def _view(dataset: Any) -> str | None:
    view = text(dataset, "ViewPosition").upper()
    if _VIEW.fullmatch(view):
        return view
    return next((_VIEWS[c] for c in _codes(dataset, "ViewCodeSequence") if c in _VIEWS), None)


def _spacing(dataset: Any) -> tuple[float, float, float] | None:
    for item in (dataset, *functional_groups(dataset, "PixelMeasuresSequence")):
        for name in ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing"):
            try:
                rows, columns = (float(v) for v in item.get(name))
            except (TypeError, ValueError):
                continue
            if 0 < rows < 1e4 and 0 < columns < 1e4:
                between = number(item, "SpacingBetweenSlices") or number(item, "SliceThickness") or 1.0
                return (abs(between), rows, columns)
    return None


def _facts(dataset: Any) -> dict[str, str | float]:
    device = " ".join(dict.fromkeys((text(dataset, "Manufacturer"), text(dataset, "ManufacturerModelName"))))
    acquired = next((d for name in _DATES if (d := _date(text(dataset, name))) is not None), None)
    sex = text(dataset, "PatientSex").upper()
    found = {
        "sex": sex if sex in ("F", "M") else None,
        "age": _age(dataset),
        "ethnicity": text(dataset, "EthnicGroup") or None,
        "acquired": acquired.isoformat() if acquired else None,
        "device": device.strip()[:_DEVICE_LENGTH] or None,
    }
    return {name: value for name, value in found.items() if value is not None}


def _age(dataset: Any) -> float | None:
    match = _AGE.fullmatch(text(dataset, "PatientAge").upper())
    if match and match[0] != "000Y":  # what de-identification leaves; a newborn's age is in days
        return round(int(match[1]) * _YEARS[match[2]], 2)
    born = _date(text(dataset, "PatientBirthDate"))
    seen = _date(text(dataset, "StudyDate")) or _date(text(dataset, "AcquisitionDate"))
    if born is None or seen is None or not 0 <= (seen - born).days < 130 * 366:
        return None
    return round((seen - born).days / 365.25, 2)


def _date(value: str) -> date | None:
    digits = value.replace(".", "")[:8]
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:])) if len(digits) == 8 else None
    except ValueError:
        return None
