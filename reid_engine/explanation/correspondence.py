"""Patch correspondence: what of a scan is in the matched image, and in nobody else's.

Each patch p of the scan has a token t(p), the last layer's, and so has each patch of an enrolled image. How well p
corresponds to an image I is the best cosine over all patches of I, wherever they lie, as in Amir et al. (ECCV
Workshops 2022): c(p, I) = max over q in I of cos(t(p), t(q)). The map is the margin

    m(p) = c(p, matched image) - max over other subjects' images O of c(p, O), clipped to 0..1.

It is the adjustment of Local Naive Bayes Nearest Neighbor (McCann and Lowe, CVPR 2012), in which a descriptor speaks
for a class by as much as it is nearer to it than to the nearest of the background, and else not at all: squared
distances of unit vectors are 2 - 2 cos, so that m is half of it. The other images are those that are most alike to the
scan, so that what every picture of its kind shows cancels out.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reid_engine.encoder.model import Encoder
from reid_engine.errors import ReidError
from reid_engine.explanation.pictures import EnrolledPictures
from reid_engine.progress import Progress
from reid_engine.roster import Roster
from reid_engine.scan import Scan

Floats = NDArray[np.float32]

CORRESPONDENCE = "patch correspondence"

OTHERS = 5
"""Other subjects, one image of each, whose patches are the background."""

TRIES = 4 * OTHERS
"""Most other subjects whose image is asked for, as some may not be at hand."""

DECIMALS = 4
"""Of a margin: what is less is rounding in cosines of single precision, as between two black corners."""

BATCH = 16


class NoCorrespondenceError(ReidError):
    """Patches cannot be compared; the text says why."""


@dataclass(frozen=True)
class Margins:
    """What patches were found to have.

    Attributes
    ----------
    values
        ``(k, h, w)`` margins, 0 to 1, of the k squares' patches.
    others
        Images of other subjects that they are above.
    """

    values: Floats
    others: int


class Correspondence:
    """Compares a scan's patches with those of enrolled images.

    Parameters
    ----------
    encoder, roster
        What the scan is compared by, and with.
    pictures
        Gives enrolled pictures. One whose pixels are not those that were enrolled is not used.
    """

    def __init__(self, encoder: Encoder, roster: Roster, pictures: EnrolledPictures) -> None:
        self.encoder, self.roster, self.pictures = encoder, roster, pictures

    def margins(self, prepared: Floats, vector: Floats, image: int, progress: Progress) -> Margins:
        """Give by how much patches correspond better to one enrolled image than to those of others.

        Parameters
        ----------
        prepared
            The scan's k squares (k, 3, H, W).
        vector
            The scan's unit vector (d,), by which other subjects' images are chosen.
        image
            The enrolled image, a row of the roster.
        progress
            Called with (done, all, "images").

        Raises
        ------
        NoCorrespondenceError
            The network has no patch tokens, the image is not at hand or is not the one that was enrolled, or no other
            subject's image is at hand.
        """
        own = self._tokens(prepared)
        if own is None:
            raise NoCorrespondenceError("the network gives no tokens of its patches")
        progress(1, OTHERS + 2, "images")
        matched = self._picture(image)
        if matched is None:
            raise NoCorrespondenceError("the enrolled image is not at hand, or not the one that was enrolled")
        best = self._best(own, matched)
        progress(2, OTHERS + 2, "images")
        above = np.full(best.shape, -np.inf, dtype=np.float32)
        others = 0
        for other in self._others(vector, image):
            if other.pixel_digest == matched.pixel_digest:
                continue  # the very picture under another name
            np.maximum(above, self._best(own, other), out=above)
            others += 1
            progress(others + 2, OTHERS + 2, "images")
            if others == OTHERS:
                break
        if not others:
            raise NoCorrespondenceError("no other subject's enrolled image is at hand")
        return Margins(np.clip(best - above, 0, 1).round(DECIMALS), others)

    def _others(self, vector: Floats, image: int) -> Iterator[Scan]:
        """Give the image of each other subject that is most alike to the scan, the most alike subjects first."""
        codes = self.roster.population.codes
        seen = {int(codes[image])}
        for row in np.argsort(-(self.roster.vectors @ vector), kind="stable"):
            code = int(codes[row])
            if code in seen:
                continue
            if len(seen) > TRIES:
                return
            seen.add(code)
            picture = self._picture(int(row))
            if picture is not None:
                yield picture

    def _picture(self, image: int) -> Scan | None:
        """Give an enrolled picture, if it is at hand and has the pixels and the modality that were enrolled."""
        picture = self.pictures(str(self.roster.columns["sample_id"][image]))
        if picture is None or picture.modality != self.roster.modality:
            return None
        return picture if image in self.roster.digests.get(picture.pixel_digest, ()) else None

    def _best(self, own: Floats, picture: Scan) -> Floats:
        """Give each patch's best cosine (k, h, w) with a picture's patches."""
        tokens = self._tokens(self.encoder.prepare(picture))
        if tokens is None:
            raise NoCorrespondenceError("the network gives no tokens of its patches")
        theirs = tokens.reshape(-1, tokens.shape[-1]).T
        return np.stack([(square @ theirs).max(axis=-1) for square in own])

    def _tokens(self, prepared: Floats) -> Floats | None:
        """Give unit tokens (k, h, w, C) of k squares."""
        parts: list[Floats] = []
        for first in range(0, len(prepared), BATCH):
            tokens = self.encoder.patches(prepared[first : first + BATCH])
            if tokens is None:
                return None
            parts.append(tokens / np.maximum(np.linalg.norm(tokens, axis=-1, keepdims=True), 1e-12))
        return np.concatenate(parts, dtype=np.float32)
