"""A measure: what it is called, which scans it is for, and what it does to a slice."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from reid_engine.scan import Scan, digest_pixels

Picture = NDArray[np.float32]
"""One slice (H, W) or (H, W, 3) of display values in [0, 1]."""

Slices = NDArray[np.float32]
"""(S, H, W) or (S, H, W, 3)."""

Box = tuple[slice, slice]
"""Rows and columns."""


@dataclass(frozen=True)
class Measure:
    """Something that can be done to a copy of a scan before it is shared.

    Parameters
    ----------
    name
        What users type.
    title
        What it does, in words.
    modalities
        Those it is offered for; ``("any",)`` for all.
    change
        Gives new slices for a scan's slices and modality; never writes to what it was given.
    volumes_only
        Whether it needs several slices.
    box
        Gives what is left of the slices where something is cut off, for the same arguments; None where nothing is.
    """

    name: str
    title: str
    modalities: tuple[str, ...]
    change: Callable[[Slices, str], Slices]
    volumes_only: bool = False
    box: Callable[[Slices, str], Box] | None = None

    @property
    def keeps_shape(self) -> bool:
        """Whether the changed picture can be laid over the old one."""
        return self.box is None

    def suits(self, scan: Scan) -> bool:
        """Tell whether it is offered for a scan."""
        known = "any" in self.modalities or scan.modality in self.modalities
        return known and (scan.is_volume or not self.volumes_only)

    def corner(self, scan: Scan) -> tuple[int, int]:
        """Give the row and the column of a scan at which the changed picture begins."""
        if self.box is None:
            return 0, 0
        rows, columns = self.box(scan.pixels, scan.modality)
        return rows.start, columns.start

    def apply(self, scan: Scan) -> Scan:
        """Give a changed copy: same facts, new pixels and pixel digest, and no file it came from."""
        values = np.ascontiguousarray(np.clip(self.change(scan.pixels, scan.modality), 0, 1), dtype=np.float32)
        return replace(scan, values=values, pixel_digest=digest_pixels(values), file_digest="")


def each_slice(change: Callable[[Picture, str], Picture]) -> Callable[[Slices, str], Slices]:
    """Make a change of slices of one that knows single ones."""

    def change_all(slices: Slices, modality: str) -> Slices:
        return np.stack([change(picture, modality) for picture in slices])

    return change_all
