"""Scans as small pictures for a report."""

import base64
import io
from collections.abc import Iterable
from typing import TYPE_CHECKING

from markupsafe import Markup

from reid_engine.errors import ReidError

if TYPE_CHECKING:
    from PIL.Image import Image

    from reid_engine.cohort import Cohort
    from reid_engine.scan import Scan

SIDE = 160
"""Longest side of a picture in pixels."""


def example_pictures(cohort: "Cohort", sample_ids: Iterable[str], side: int = SIDE) -> dict[str, bytes]:
    """Read some scans of a cohort again, as small PNG pictures.

    Parameters
    ----------
    cohort
        Where the samples are.
    sample_ids
        Which; an id that the cohort doesn't have, or whose scan cannot be read, is left out.
    side
        Longest side in pixels; smaller scans keep their size.

    Returns
    -------
    dict
        PNG bytes, without any metadata, by sample id.
    """
    from reid_engine.scan import read_scan

    wanted = set(sample_ids)
    pictures: dict[str, bytes] = {}
    for sample in cohort.samples:
        if sample.sample_id in wanted and sample.sample_id not in pictures:
            try:
                pictures[sample.sample_id] = small_png(read_scan(sample.path, modality=sample.modality), side)
            except ReidError:
                continue
    return pictures


def small_png(scan: "Scan", side: int = SIDE) -> bytes:
    """Give the middle slice of a scan as PNG, `side` pixels along its longer side at most."""
    written = io.BytesIO()
    _middle(scan, side).save(written, format="PNG", optimize=True)
    return written.getvalue()


def small_nifti(scan: "Scan", side: int) -> bytes:
    """Give the middle slice of a scan as gzipped NIfTI of one slice, `side` voxels along its longer side at most.

    Grey or RGB of 8 bits; the spacing is the scan's, and nothing else of its header.
    """
    import numpy as np

    from reid_engine.grid import picture_grid

    image = _middle(scan, side)
    planes, rows, columns = scan.spacing or (1.0, 1.0, 1.0)
    spacing = (planes, rows * scan.shape[1] / image.height, columns * scan.shape[2] / image.width)
    return picture_grid(spacing).write(np.asarray(image)[np.newaxis])


def _middle(scan: "Scan", side: int) -> "Image":
    from PIL import Image

    image = Image.fromarray(scan.eight_bit(scan.shape[0] // 2))
    image.thumbnail((side, side), Image.Resampling.BOX if min(image.size) < side else Image.Resampling.LANCZOS)
    return image


def data_uri(png: bytes) -> Markup:
    """Give a PNG picture as the address of an ``img`` element."""
    return Markup("data:image/png;base64," + base64.b64encode(png).decode("ascii"))  # noqa: S704 - base64
