"""Which regions of a scan made a match: each is blurred in turn, and the similarity that is lost is laid there.

Occlusion, after Zeiler and Fergus (ECCV 2014). It asks the network alone, so that it holds for any of them; a region
whose loss another region makes up for is not shown.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reid_engine.encoder.field import as_image
from reid_engine.encoder.model import Encoder
from reid_engine.encoder.preprocessing import choose_slices
from reid_engine.errors import NothingToExplainError, ReidError
from reid_engine.matcher.population import Ints
from reid_engine.plain import plain
from reid_engine.progress import Progress, silent
from reid_engine.risk import RiskAssessor
from reid_engine.roster import Roster
from reid_engine.scan import UNKNOWN, Scan

Floats = NDArray[np.float32]

GRID = 14
"""Cells along each side of a square that the network sees."""

WINDOW = 3
"""Cells along each side of what is blurred at a time."""

BATCH = 16

METHOD = "occlusion"
"""What the map is called where others may come."""


@dataclass(frozen=True)
class Explanation:
    """A map of one match.

    Attributes
    ----------
    map
        ``(S, H, W)`` share, 0 to 1, of the similarity to the subject's image that is lost without the region: 0 where
        nothing is lost, where the network does not look, and in slices that are not embedded.
    subject_id, sample_id
        The subject, and the enrolled image that is most alike.
    similarity
        To that image, of the whole scan.
    """

    map: Floats
    subject_id: str
    sample_id: str
    similarity: float

    def to_json(self) -> dict[str, Any]:
        """Give what the map is of as JSON values, without the map; ``most_lost`` is its highest value."""
        facts = {"subject_id": self.subject_id, "sample_id": self.sample_id, "similarity": self.similarity}
        return {
            "method": METHOD,
            **{name: plain(value) for name, value in (facts | {"most_lost": float(self.map.max())}).items()},
        }


def explain(
    assessor: RiskAssessor, scan: Scan, subject_id: str | None = None, *, progress: Progress = silent
) -> Explanation:
    """Show which regions of a scan made it match a subject.

    Parameters
    ----------
    assessor
        The gallery and its encoder.
    scan
        What `reid_engine.scan.read_scan` gave.
    subject_id
        An enrolled subject; the most alike one when left out.
    progress
        Called with (done, all, "regions").

    Raises
    ------
    NothingToExplainError
        Nobody of the scan's modality is enrolled.
    ReidError
        This subject is not.
    """
    roster = assessor.roster(scan.modality)
    if roster is None:
        what = "choose the scan's modality" if scan.modality == UNKNOWN else f"enrol {scan.modality} images"
        raise NothingToExplainError(
            f"there is nothing to explain: the gallery has no images of this kind; {what}, and try again"
        )
    prepared = assessor.encoder.prepare(scan)
    features = assessor.encoder.forward(prepared)
    image = _most_alike(roster, features.mean(axis=0), subject_id)
    target = roster.vectors[image]
    whole = float(_similarities(roster, features.mean(axis=0)[None], target)[0])
    lost = _Occlusion(assessor.encoder, roster, prepared, features, target).lost(whole, progress)
    return Explanation(
        _lay(assessor.encoder, scan, lost),
        roster.population.subjects[int(roster.population.codes[image])],
        str(roster.columns["sample_id"][image]),
        whole,
    )


def _most_alike(roster: Roster, vector: Floats, subject_id: str | None) -> int:
    similarities = roster.vectors @ roster.backend.transform(vector[None])[0]
    if subject_id is not None:
        if subject_id not in roster.population.subjects:
            raise ReidError("no such subject is enrolled with images of this kind; take one of the matches of a check")
        own = roster.population.codes == list(roster.population.subjects).index(subject_id)
        similarities = np.where(own, similarities, -np.inf)
    return int(np.argmax(similarities))


def _similarities(roster: Roster, vectors: Floats, target: Floats) -> Floats:
    similarities: Floats = roster.backend.transform(vectors) @ target
    return similarities


class _Occlusion:
    """Blurs window after window of each square."""

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
                for drop in whole - _similarities(self.roster, vectors.astype(np.float32), self.target):
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


def _lay(encoder: Encoder, scan: Scan, lost: Floats) -> Floats:
    """Lay the squares' cells (k, GRID, GRID) where they lie in the scan, (S, H, W)."""
    from PIL import Image

    out = np.zeros(scan.shape[:3], dtype=np.float32)
    squares = iter(lost)
    for index in choose_slices(scan.shape[0], encoder.preprocessing.recipe.slices):
        for box in encoder.preprocessing.boxes(as_image(scan.eight_bit(index)), scan.modality):
            left, top, right, bottom = (round(side) for side in box)
            size = (max(right - left, 1), max(bottom - top, 1))
            laid = Image.fromarray(next(squares)).resize(size, Image.Resampling.BILINEAR)
            out[index, top : top + size[1], left : left + size[0]] = np.asarray(laid)
    return out
