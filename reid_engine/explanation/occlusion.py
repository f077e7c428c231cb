"""Occlusion: each region of a scan is blurred in turn, and the similarity that is lost is laid there.

After Zeiler and Fergus (ECCV 2014). It asks the network alone, so that it holds for any of them; a region whose loss
another region makes up for is not shown.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from reid_engine.encoder.model import Encoder
from reid_engine.matcher.population import Ints
from reid_engine.progress import Progress
from reid_engine.roster import Roster

Floats = NDArray[np.float32]

OCCLUSION = "occlusion"

GRID = 14
"""Cells along each side of a square that the network sees."""

WINDOW = 3
"""Cells along each side of what is blurred at a time."""

BATCH = 16


def similarities(roster: Roster, vectors: Floats, target: Floats) -> Floats:
    """Compare raw features (B, D) with an enrolled image's unit vector (d,), as the gallery does: (B,)."""
    found: Floats = roster.backend.transform(vectors) @ target
    return found


class Occlusion:
    """Blurs window after window of each square.

    Parameters
    ----------
    encoder, roster
        What the scan is compared by, and with.
    prepared, features
        The scan's k squares (k, 3, h, w), and what the network makes of each (k, D).
    target
        The enrolled image's unit vector (d,).
    """

    def __init__(self, encoder: Encoder, roster: Roster, prepared: Floats, features: Floats, target: Floats) -> None:
        self.encoder, self.roster, self.target = encoder, roster, target
        self.prepared, self.features = prepared, features
        self.edges: Ints = np.linspace(0, prepared.shape[-1], GRID + 1).round().astype(np.int64)
        self.windows = [(row, column) for row in range(1 - WINDOW, GRID) for column in range(1 - WINDOW, GRID)]

    def lost(self, whole: float, progress: Progress) -> Floats:
        """Give what is lost in each cell of each square, (k, GRID, GRID)."""
        total = self.features.sum(axis=0)
        count = len(self.prepared)
        lost = np.zeros((count, GRID, GRID), dtype=np.float64)
        seen = np.zeros((GRID, GRID))
        for row, column in self.windows:
            seen[self._cells(row, column)] += 1
        for number in range(count):
            place = 0
            for batch in self._batches(number):
                vectors = (total - self.features[number] + self.encoder.forward(batch)) / count
                for drop in whole - similarities(self.roster, vectors.astype(np.float32), self.target):
                    lost[number][self._cells(*self.windows[place])] += drop
                    place += 1
                progress(number * len(self.windows) + place, count * len(self.windows), "regions")
        return np.asarray(np.clip(lost / seen / max(abs(whole), 1e-6), 0, 1), dtype=np.float32)

    def _cells(self, row: int, column: int) -> tuple[slice, slice]:
        return slice(max(row, 0), row + WINDOW), slice(max(column, 0), column + WINDOW)

    def _batches(self, number: int) -> Iterator[Floats]:
        from scipy.ndimage import gaussian_filter

        picture = self.prepared[number]
        sigma = WINDOW * picture.shape[-1] / GRID / 2
        blurred = gaussian_filter(picture, (0, sigma, sigma), mode="nearest")
        for first in range(0, len(self.windows), BATCH):
            chosen = self.windows[first : first + BATCH]
            batch = np.repeat(picture[None], len(chosen), axis=0)
            for place, (row, column) in enumerate(chosen):
                rows, columns = (
                    slice(*self.edges[[span.start, min(span.stop, GRID)]]) for span in self._cells(row, column)
                )
                batch[place, :, rows, columns] = blurred[:, rows, columns]
            yield batch
