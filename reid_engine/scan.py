"""A file or folder becomes a :class:`Scan`: display values, modality and the facts a cohort needs.

How values become display values in [0, 1]: 8-bit values are divided by 255. DICOM grey values are rescaled,
then mapped by the header's window or look-up table. Values in Hounsfield units get one fixed window, so
that a viewer's presets don't change the result. A ``window`` given by the caller is what a viewer shows and
replaces the header's. Everything else gets the window between two percentiles of its values. MONOCHROME1 is
inverted, palettes and Y, Cb, Cr become RGB, and colour whose channels are equal becomes grey.
"""

import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, overload

import numpy as np
from numpy.typing import NDArray

from reid_engine.aside import Aside
from reid_engine.errors import ScanError
from reid_engine.readers.raw import Raw, Window
from reid_engine.readers.sniff import Kind, sniff

if TYPE_CHECKING:
    from reid_engine.readers.display import Stored

MODALITIES = ("CFP", "OCT", "CXR", "CT", "MR", "XR", "MG", "US", "PT", "NM", "XA", "FAF", "FA", "SLO")
"""Colour fundus photo, optical coherence tomography, chest x-ray, CT, MR, other x-ray, mammogram,
ultrasound, PET, scintigram, x-ray angiogram, fundus autofluorescence, fluorescein angiogram, scanning laser
ophthalmoscopy."""

UNKNOWN = "unknown"

_WORTH_A_THREAD = 2**18
"""Bytes from which a digest is taken aside, while the picture is decoded or prepared."""


class _Awaited:
    """A field of a dataclass that is given a text, or one in the making, and is always read as a text."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._place = f"_{name}"

    @overload
    def __get__(self, scan: None, owner: type) -> str: ...

    @overload
    def __get__(self, scan: "Scan", owner: type) -> str: ...

    def __get__(self, scan: "Scan | None", owner: type) -> str:
        if scan is None:
            return ""  # the default
        value: str | Aside[str] = scan.__dict__[self._place]
        if isinstance(value, Aside):
            value = value.result()
            scan.__dict__[self._place] = value
        return value

    def __set__(self, scan: "Scan", value: "str | Aside[str]") -> None:
        scan.__dict__[self._place] = value


@dataclass(frozen=True)
class Scan:
    """One image or volume, ready for an encoder, without anything that names the patient.

    Parameters
    ----------
    values
        (S, H, W) grey or (S, H, W, 3) RGB with S slices: display values in [0, 1], float32, or in 8 bits, uint8;
        C-contiguous.
    modality
        One of :data:`MODALITIES`, or ``"unknown"``.
    modality_source
        ``"header"``, ``"caller"``, ``"image"`` or ``"none"``.
    modality_confidence
        0 to 1; 1 for what a header or the caller says.
    laterality
        ``"L"``, ``"R"`` or None.
    view
        The header's view position, such as ``"PA"``, or None.
    spacing
        Millimetres between slices, rows and columns, where the header gives them.
    facts
        Of ``sex`` (F, M), ``age`` (years), ``ethnicity``, ``acquired`` (ISO date) and ``device`` those known.
    file_digest
        SHA-256 (hex) of the file's bytes; of a folder, of its members' sorted digests.
    pixel_digest
        SHA-256 (hex) of the display values in 8 bits and their shape: the same picture in another container
        has the same digest.
    stored
        The way back from display values to the file's own; None where that is no straight line.
    """

    values: NDArray[np.float32] | NDArray[np.uint8]
    modality: str = UNKNOWN
    modality_source: str = "none"
    modality_confidence: float = 0.0
    laterality: str | None = None
    view: str | None = None
    spacing: tuple[float, float, float] | None = None
    facts: Mapping[str, str | float] = field(default_factory=dict)
    file_digest: str = ""
    pixel_digest: _Awaited = _Awaited()
    stored: "Stored | None" = field(default=None, compare=False)
    _eight: NDArray[np.uint8] | None = field(default=None, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "facts", MappingProxyType(dict(self.facts)))

    @cached_property
    def pixels(self) -> NDArray[np.float32]:
        """Display values in [0, 1], (S, H, W) or (S, H, W, 3), float32, C-contiguous."""
        return to_unit(self.values)

    @property
    def shape(self) -> tuple[int, ...]:
        """(S, H, W) or (S, H, W, 3), without making `pixels`."""
        return self.values.shape

    @property
    def is_volume(self) -> bool:
        """Whether the scan has more than one slice."""
        return self.shape[0] > 1

    @property
    def is_colour(self) -> bool:
        """Whether the scan has three colour channels."""
        return len(self.shape) == 4

    def eight_bit(self, index: int) -> NDArray[np.uint8]:
        """Give slice `index` in 8 bits, (H, W) or (H, W, 3), as the pixel digest sees it."""
        return to_eight_bit(self.values[index]) if self._eight is None else self._eight[index]


def read_scan(
    path: str | os.PathLike[str],
    *,
    modality: str | None = None,
    window: Window | None = None,
    invert: bool = False,
) -> Scan:
    """Read a scan.

    Parameters
    ----------
    path
        A DICOM, NIfTI, NRRD, PNG, JPEG or TIFF file, or a folder that is one DICOM series.
    modality
        One of :data:`MODALITIES`; given, it holds whatever the header says.
    window
        Centre and width, in the file's (rescaled) values, that a viewer shows: a volume that was exported
        from DICOM no longer has the header's. Left out of account for CT in Hounsfield units.
    invert
        Whether the viewer shows low values bright, as MONOCHROME1 is to be shown.

    Returns
    -------
    Scan
        With at least 32 x 32 pixels a slice.

    Raises
    ------
    ScanError
        In one line: which file cannot be read, why, and what to do.
    """
    path = Path(path)
    wanted = _check_modality(modality)
    _check_window(path, window)
    kind = sniff(path)
    raw, file_digest = _read(path, kind)
    from reid_engine.readers.display import is_hounsfield, show

    raw = replace(raw, hounsfield=is_hounsfield(raw, wanted))
    shown = show(path, raw, wanted, window, invert)
    display = shown.values
    found, source, confidence = _settle_modality(raw, wanted, display)
    eight = to_eight_bit(display)
    scan = Scan(
        values=eight if display.dtype == np.uint8 else to_unit(display),
        modality=found,
        modality_source=source,
        modality_confidence=confidence,
        laterality=raw.laterality,
        view=raw.view,
        spacing=raw.spacing,
        facts=raw.facts,
        file_digest=file_digest,
        pixel_digest=_aside(partial(digest_pixels, eight), eight.nbytes),
        stored=shown.stored,
    )
    object.__setattr__(scan, "_eight", eight)  # it was made for the digest, and encoders ask for it
    return scan


def digest_file(path: str | os.PathLike[str]) -> str:
    """Give the ``file_digest`` that :func:`read_scan` would give, without decoding.

    Raises
    ------
    ScanError
        If the path cannot be read as a scan's.
    """
    path = Path(path)
    if sniff(path) == "folder":
        from reid_engine.readers.quiet import quiet
        from reid_engine.readers.series import find_series

        with quiet():
            members = find_series(path)
        return _digest_members([_digest(_load(file)) for file in members])
    return _digest(_load(path))


def digest_pixels(pixels: NDArray[np.float32] | NDArray[np.uint8]) -> str:
    """Give the SHA-256 (hex) of display values in 8 bits, (S, H, W) or (S, H, W, 3), and of their shape."""
    eight = to_eight_bit(pixels)
    digest = hashlib.sha256(repr(eight.shape).encode())
    digest.update(np.ascontiguousarray(eight).data)
    return digest.hexdigest()


def to_eight_bit(values: NDArray[np.float32] | NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Round display values in [0, 1] to 0 to 255; what has 8 bits is given back."""
    if values.dtype == np.uint8:
        return np.ascontiguousarray(values, dtype=np.uint8)
    scaled = values * np.float32(255)
    eight: NDArray[np.uint8] = np.rint(scaled, out=scaled).astype(np.uint8)
    return eight


def to_unit(values: NDArray[np.float32] | NDArray[np.uint8]) -> NDArray[np.float32]:
    """Scale 8-bit values to [0, 1]; what is there already is given back."""
    if values.dtype == np.uint8:
        return np.divide(values, np.float32(255), dtype=np.float32)
    return np.ascontiguousarray(values, dtype=np.float32)


def _read(path: Path, kind: Kind) -> tuple[Raw, str]:
    from reid_engine.readers.quiet import quiet

    with quiet():
        if kind == "folder":
            return _read_folder(path)
        data = _load(path)
        digest = _aside(partial(_digest, data), len(data))
        try:
            raw = _read_file(path, kind, data)
        except MemoryError:
            raise ScanError(f"{path}: the image does not fit into the memory; give a smaller one") from None
    return raw, digest.result() if isinstance(digest, Aside) else digest


def _aside(work: Callable[[], str], size: int) -> str | Aside[str]:
    """Do work on so many bytes in a thread of its own where that is worth it."""
    return Aside(work) if size >= _WORTH_A_THREAD else work()


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _read_file(path: Path, kind: Kind, data: bytes) -> Raw:
    if kind == "dicom":
        from reid_engine.readers.dicom import read_dicom

        return read_dicom(path, data)
    if kind == "nifti":
        from reid_engine.readers.nifti import read_nifti

        return read_nifti(path, data)
    if kind == "nrrd":
        from reid_engine.readers.nrrd import read_nrrd

        return read_nrrd(path, data)
    from reid_engine.readers.picture import read_picture

    return read_picture(path, data)


def _read_folder(path: Path) -> tuple[Raw, str]:
    from reid_engine.readers.series import find_series, read_series

    files = [(file, _load(file)) for file in find_series(path)]
    return read_series(path, files), _digest_members([_digest(data) for _, data in files])


def _digest_members(digests: list[str]) -> str:
    return hashlib.sha256("".join(sorted(digests)).encode()).hexdigest()


def _load(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ScanError(f"{path}: cannot be read ({error.strerror}); check the path and its permissions") from None


def _check_modality(modality: str | None) -> str | None:
    name = modality.strip().upper() if modality else ""
    if name and name not in MODALITIES:
        raise ScanError(f"the modality {modality!r} is not known; use one of {', '.join(MODALITIES)}")
    return name or None


def _check_window(path: Path, window: Window | None) -> None:
    if window is not None and not (np.isfinite(window).all() and window[1] > 0):
        raise ScanError(f"{path}: a window needs a finite centre and a width above 0; leave it out or correct it")


def _settle_modality(
    raw: Raw, wanted: str | None, display: NDArray[np.float32] | NDArray[np.uint8]
) -> tuple[str, str, float]:
    """Take the caller's word, else the header's, else judge the image."""
    if wanted:
        return wanted, "caller", 1.0
    if raw.modality and not raw.radiograph:
        return raw.modality, "header", 1.0
    if raw.hounsfield:
        return "CT", "image", 0.95
    from reid_engine.modality import guess_modality

    guess, confidence = guess_modality(to_unit(display))
    if raw.radiograph and guess != "CXR":
        return "XR", "header", 1.0
    return guess, "none" if guess == UNKNOWN else "image", confidence
