"""Scans as small pictures for a report."""

import base64
import io
from collections.abc import Iterable
from typing import TYPE_CHECKING

from markupsafe import Markup

from reid_engine.errors import ReidError

if TYPE_CHECKING:
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
    from PIL import Image

    image = Image.fromarray(scan.eight_bit(scan.shape[0] // 2))
    image.thumbnail((side, side), Image.Resampling.BOX if min(image.size) < side else Image.Resampling.LANCZOS)
    written = io.BytesIO()
    image.save(written, format="PNG", optimize=True)
    return written.getvalue()


def data_uri(png: bytes) -> Markup:
    """Give a PNG picture as the address of an ``img`` element."""
    return Markup("data:image/png;base64," + base64.b64encode(png).decode("ascii"))  # noqa: S704 - base64
