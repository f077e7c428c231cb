"""What enrolment needs of whatever turns scans into vectors: an encoder, or a baseline in its place."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from reid_engine.encoder.identity import EncoderIdentity
from reid_engine.scan import Scan


class Embedder(Protocol):
    """Scans to vectors in two steps: one for reading threads, one that takes many slices at a time."""

    identity: EncoderIdentity

    def prepare(self, scan: Scan) -> NDArray[np.float32]:
        """Give what of a scan's k chosen slices goes into :meth:`perceive`, (k, ...), all of one shape."""

    def perceive(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Give features and appearance (B, D + A) of prepared slices (B, ...), in an array of their own."""
