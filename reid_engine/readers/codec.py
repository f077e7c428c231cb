"""One frame of a compressed DICOM image: JPEG, JPEG lossless, JPEG-LS, JPEG 2000 or RLE become values.

Pillow decodes 8-bit JPEG, GDCM the rest. A codestream's own header is compared with the DICOM header first,
so that no decoder writes more pixels than there is room for.
"""

import io
import struct
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from reid_engine.readers.gdcm_pool import decode_with_gdcm

_NO_LENGTH = {0x01, *range(0xD0, 0xDA)}
_START_OF_FRAME = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}
_PILLOW_FRAMES = {0xC0, 0xC1, 0xC2}
_START_OF_SCAN = 0xDA
_J2K_START = b"\xff\x4f\xff\x51"
_JP2_SEARCH = 4096

RLE = "1.2.840.10008.1.2.5"
"""Transfer syntax whose frames have no header of their own."""

YBR = ("YBR_FULL", "YBR_FULL_422")
"""Photometric interpretations whose stored values are Y, Cb and Cr."""


@dataclass(frozen=True)
class Codestream:
    """What a codestream's own header says.

    Parameters
    ----------
    process
        The JPEG frame marker's second byte; 0 for JPEG 2000.
    colour_transform
        Whether three components are Y, Cb and Cr; None where the codestream does not say.
    """

    process: int
    rows: int
    columns: int
    samples: int
    bits: int
    signed: bool = False
    colour_transform: bool | None = None


@dataclass(frozen=True)
class FrameFormat:
    """What the DICOM header says of each frame."""

    rows: int
    columns: int
    samples: int
    bits_allocated: int
    bits_stored: int
    signed: bool
    photometric: str
    transfer_syntax: str


def decode_frame(data: bytes, form: FrameFormat) -> NDArray[Any]:
    """Decode one frame.

    Returns
    -------
    NDArray
        (H, W) or (H, W, 3) stored values; colour is RGB.

    Raises
    ------
    ValueError
        If the codestream is damaged, or is of another size than the DICOM header says.
    """
    if form.transfer_syntax == RLE:
        return _through_gdcm(data, form.bits_allocated, form)
    stream = parse_codestream(data)
    if (stream.rows, stream.columns, stream.samples) != (form.rows, form.columns, form.samples):
        raise ValueError("the compressed image has another size than the header says")
    if stream.process in _PILLOW_FRAMES and stream.bits == 8:
        return _through_pillow(data, stream, form)
    return _through_gdcm(data, stream.bits, form)


def parse_codestream(data: bytes) -> Codestream:
    """Read the header of a JPEG, JPEG-LS or JPEG 2000 codestream."""
    try:
        if data[:3] == b"\xff\xd8\xff":
            return _parse_jpeg(data)
        start = data.find(_J2K_START, 0, _JP2_SEARCH)
        if start >= 0:
            return _parse_j2k(data, start)
    except (struct.error, IndexError):
        pass
    raise ValueError("the compressed image's header is damaged")


def _parse_jpeg(data: bytes) -> Codestream:
    at, transform = 2, None
    while True:
        while data[at] == 0xFF and data[at + 1] == 0xFF:
            at += 1
        if data[at] != 0xFF or data[at + 1] == _START_OF_SCAN:
            raise ValueError("the compressed image's header is damaged")
        marker = data[at + 1]
        if marker in _NO_LENGTH:
            at += 2
            continue
        (length,) = struct.unpack_from(">H", data, at + 2)
        if marker in _START_OF_FRAME:
            bits, rows, columns, samples = struct.unpack_from(">BHHB", data, at + 4)
            return Codestream(marker, rows, columns, samples, bits, colour_transform=transform)
        body = data[at + 4 : at + 2 + length]
        if marker == 0xE0 and body.startswith(b"JFIF"):
            transform = True
        elif marker == 0xEE and body.startswith(b"Adobe") and len(body) >= 12:
            transform = body[11] == 1
        at += 2 + length


def _parse_j2k(data: bytes, start: int) -> Codestream:
    right, bottom, left, top = struct.unpack_from(">4I", data, start + 8)
    samples, depth = struct.unpack_from(">HB", data, start + 40)
    return Codestream(0, bottom - top, right - left, samples, (depth & 0x7F) + 1, bool(depth & 0x80))


def _through_pillow(data: bytes, stream: Codestream, form: FrameFormat) -> NDArray[Any]:
    """Decode 8-bit JPEG; whether colours are Y, Cb and Cr the codestream says, or else the DICOM header."""
    with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
        if form.samples == 1:
            return np.asarray(image.convert("L"))
        transform = stream.colour_transform
        if transform is None and form.photometric == "RGB":
            image.draft("YCbCr", image.size)  # hands the components through
            return np.asarray(image)
        return np.asarray(image.convert("RGB"))


def _through_gdcm(data: bytes, bits: int, form: FrameFormat) -> NDArray[Any]:
    values = np.frombuffer(decode_with_gdcm(data, asdict(form)), dtype=np.uint8)
    count = form.rows * form.columns * form.samples
    width, rest = divmod(len(values), count)
    if rest or width not in (1, 2, 4):
        raise ValueError("the compressed image is cut short")
    shape = (form.rows, form.columns) + ((form.samples,) if form.samples > 1 else ())
    values = values.view(f"<u{width}").reshape(shape)
    if form.photometric in YBR:
        return ybr_to_rgb(values)
    return _signed(values, bits) if form.signed else values


def ybr_to_rgb(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Turn 8-bit Y, Cb, Cr (..., 3) into RGB: ITU-T T.871, section 7, as DICOM PS3.3 C.7.6.3.1.2 has it."""
    luma, blue, red = np.moveaxis(values.astype(np.float32), -1, 0)
    blue, red = blue - 128, red - 128
    rgb = np.stack((luma + 1.402 * red, luma - 0.344136 * blue - 0.714136 * red, luma + 1.772 * blue), axis=-1)
    return np.asarray(np.clip(np.rint(rgb), 0, 255), dtype=np.uint8)


def _signed(values: NDArray[Any], bits: int) -> NDArray[Any]:
    """Read two's complement of the codestream's precision: its top bit is the sign."""
    width = values.dtype.itemsize * 8
    signed = values.view(f"<i{values.dtype.itemsize}")
    shift = width - bits
    return (signed << shift) >> shift if shift > 0 else signed
