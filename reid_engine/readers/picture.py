"""PNG, JPEG and TIFF pictures, through Pillow; 16-bit colour, which Pillow cuts to 8 bits, through ITK."""

import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from reid_engine.errors import ScanError
from reid_engine.readers.raw import Raw
from reid_engine.readers.sniff import check_size

_FORMATS = ("PNG", "JPEG", "TIFF")
_DIRECT = ("L", "RGB", "I;16", "I;16B", "I;16L", "I", "F")
_GREY = ("1", "LA", "La")
_ORIENTATION = 0x0112
_REDUCED = 254
_BITS_PER_SAMPLE = 258
_PHOTOMETRIC = 262
_WHITE_IS_ZERO = 0
_PNG_DEPTH, _PNG_COLOUR = 24, 25


def read_picture(path: Path, data: bytes) -> Raw:
    """Read a picture's bytes.

    Parameters
    ----------
    path
        The file, for messages.
    data
        The file's bytes.

    Returns
    -------
    Raw
        One slice for each page; alpha is dropped, a palette looked up, the EXIF orientation applied.

    Raises
    ------
    ScanError
        If the picture is damaged, cut short, too large, or its pages differ in size.
    """
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            check_size(path, 1, image.height, image.width, len(image.getbands()))
            if _is_deep_colour(image, data):
                return Raw(_through_itk(path)[np.newaxis])
            if image.format == "TIFF":
                return _read_pages(path, image)
            return Raw(_pixels(image)[np.newaxis])
    except (ScanError, MemoryError):
        raise
    except Image.DecompressionBombError:
        raise ScanError(
            f"{path}: the header claims more pixels than is read from one scan; check the file, or give a smaller one"
        ) from None
    except Exception:
        raise ScanError(
            f"{path}: the picture is damaged, cut short or of an unusual encoding; copy or export it again"
        ) from None


def _pixels(image: Image.Image) -> NDArray[Any]:
    if image.getexif().get(_ORIENTATION, 1) != 1:
        image = ImageOps.exif_transpose(image)
    if image.mode not in _DIRECT:
        image = image.convert("L" if image.mode in _GREY else "RGB")
    values = np.asarray(image)
    return values if values.dtype.isnative else values.astype(values.dtype.newbyteorder("="))


def _read_pages(path: Path, image: Any) -> Raw:
    """Read a TIFF file's pages as slices; thumbnails that it carries are left out."""
    pages: list[NDArray[Any]] = []
    inverted = False
    for number in range(getattr(image, "n_frames", 1)):
        image.seek(number)
        if image.tag_v2.get(_REDUCED, 0) & 1:
            continue
        page = _pixels(image)
        if pages and page.shape != pages[0].shape:
            raise ScanError(f"{path}: the pages of the TIFF file differ in size; give one image a file")
        pages.append(page)
        check_size(path, len(pages), page.shape[0], page.shape[1], page[0, 0].size)
        inverted = image.tag_v2.get(_PHOTOMETRIC) == _WHITE_IS_ZERO and page.dtype.itemsize > 1
    return Raw(np.stack(pages), inverted=inverted)


def _is_deep_colour(image: Any, data: bytes) -> bool:
    if image.format == "PNG":
        return data[_PNG_DEPTH] == 16 and data[_PNG_COLOUR] in (2, 6)
    if image.format == "TIFF":
        bits = image.tag_v2.get(_BITS_PER_SAMPLE, ())
        return len(bits) >= 3 and max(bits) > 8
    return False


def _through_itk(path: Path) -> NDArray[Any]:
    """Read 16-bit colour; ITK hands it over as float vectors, which hold 16 bits exactly."""
    import itk

    itk.Object.SetGlobalWarningDisplay(False)
    suffix = {b"\x89": itk.PNGImageIO}.get(path.open("rb").read(1), itk.TIFFImageIO)
    image = itk.imread(str(path), pixel_type=itk.Vector[itk.F, 3], imageio=suffix.New())
    return np.asarray(itk.array_from_image(image)).astype(np.uint16)
