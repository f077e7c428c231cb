"""The pixels of a DICOM data set, decoded alike by every version of pydicom."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reid_engine.errors import ScanError
from reid_engine.readers.codec import RLE, YBR, FrameFormat, decode_frame, ybr_to_rgb
from reid_engine.readers.gdcm_pool import MissingDecoderError
from reid_engine.readers.sniff import check_size

_CODECS = "1.2.840.10008.1.2.4."
_VIDEO = tuple(_CODECS + str(n) for n in range(100, 109))
_PALETTE = "PALETTE COLOR"
NO_PICTURES = ("SEG", "RTDOSE", "PR")
_PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")


def read_frames(path: Path, dataset: Any) -> NDArray[Any]:
    """Decode all frames.

    Parameters
    ----------
    path
        The file, for messages.
    dataset
        A pydicom data set with its pixels.

    Returns
    -------
    NDArray
        (S, H, W) stored values, or (S, H, W, 3) RGB.

    Raises
    ------
    ScanError
        If there are no pixels, too many, or they cannot be decoded.
    """
    if not any(name in dataset for name in _PIXELS) or dataset.get("Modality") in NO_PICTURES:
        raise ScanError(f"{path}: the DICOM file holds no image (but a report, plan or mask); give an image")
    try:
        form = _format(dataset)
        frames = int(dataset.get("NumberOfFrames", None) or 1)
    except Exception:
        raise ScanError(f"{path}: the DICOM header does not describe its image; export it again") from None
    check_size(path, frames, form.rows, form.columns, form.samples)
    if form.transfer_syntax in _VIDEO:
        raise ScanError(f"{path}: the DICOM file holds a video; give single images")
    try:
        pixels = _decode(dataset, form, frames)
    except MissingDecoderError:
        raise ScanError(f"{path}: the compressed image needs a decoder; run pip install python-gdcm") from None
    except Exception:
        raise ScanError(
            f"{path}: the DICOM image is damaged, cut short or of an unusual encoding; "
            "copy it again or export it uncompressed"
        ) from None
    colour = (3,) if form.samples == 3 or form.photometric == _PALETTE else ()
    return pixels.reshape((frames, form.rows, form.columns, *colour))


def _format(dataset: Any) -> FrameFormat:
    samples = int(dataset.get("SamplesPerPixel", 1))
    if samples not in (1, 3):
        raise ValueError("neither grey nor colour")
    bits = int(dataset.BitsAllocated)
    meta = getattr(dataset, "file_meta", None)
    return FrameFormat(
        rows=int(dataset.Rows),
        columns=int(dataset.Columns),
        samples=samples,
        bits_allocated=bits,
        bits_stored=int(dataset.get("BitsStored", bits)),
        signed=int(dataset.get("PixelRepresentation", 0)) == 1,
        photometric=str(dataset.get("PhotometricInterpretation", "MONOCHROME2")).strip(),
        transfer_syntax=str(getattr(meta, "TransferSyntaxUID", "")),
    )


def _decode(dataset: Any, form: FrameFormat, frames: int) -> NDArray[Any]:
    if form.transfer_syntax == RLE or form.transfer_syntax.startswith(_CODECS):
        parts = list(_encapsulated(dataset.PixelData, frames))
        if len(parts) != frames:
            raise ValueError("frames are missing")
        pixels = np.stack([decode_frame(part, form) for part in parts])
    else:
        pixels = _stored(dataset)
        if form.photometric in YBR:
            pixels = ybr_to_rgb(pixels)
    return _look_up(pixels, dataset) if form.photometric == _PALETTE else pixels


def _encapsulated(data: bytes, frames: int) -> Iterable[bytes]:
    from pydicom import encaps

    if hasattr(encaps, "generate_frames"):  # pydicom 3
        found: Iterable[bytes] = encaps.generate_frames(data, number_of_frames=frames)
    else:
        found = encaps.generate_pixel_data_frame(data, frames)
    return found


def _stored(dataset: Any) -> NDArray[Any]:
    if hasattr(dataset, "pixel_array_options"):  # pydicom 3 would convert colours; version 2 never does
        dataset.pixel_array_options(as_rgb=False)
    pixels: NDArray[Any] = dataset.pixel_array
    return pixels


def _look_up(pixels: NDArray[Any], dataset: Any) -> NDArray[np.uint8]:
    """Replace palette indices by 8-bit RGB; of 16-bit tables the high byte is the colour."""
    try:
        from pydicom.pixels import apply_color_lut
    except ImportError:
        from pydicom.pixel_data_handlers.util import apply_color_lut
    colours = apply_color_lut(pixels, dataset)
    eight = colours >> 8 if colours.dtype.itemsize == 2 else colours
    return np.asarray(eight[..., :3], dtype=np.uint8)
