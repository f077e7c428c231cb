"""Features made by hand, in the place of a network's."""

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reid_engine.encoder.identity import EncoderIdentity
from reid_engine.encoder.preprocessing import PREPROCESSING_VERSION, choose_slices
from reid_engine.scan import Scan

SLICES = 8
"""At most so many slices of a volume are looked at, spread as for an encoder; their features are averaged."""


class HandMade(ABC):
    """An embedder without a network.

    Parameters
    ----------
    name
        Its name in a gallery and in reports.
    dim
        Length D of an embedding.
    recipe
        Everything that the features depend on; with the version of the encoders' preprocessing, which finds the
        field, it makes the fingerprint.
    """

    def __init__(self, name: str, dim: int, recipe: Mapping[str, Any]) -> None:
        facts = {"name": name, "dim": dim, "slices": SLICES, "preprocessing": PREPROCESSING_VERSION, **recipe}
        fingerprint = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
        self.identity = EncoderIdentity(name, dim, fingerprint)

    @abstractmethod
    def features(self, pixels: NDArray[np.float32], modality: str) -> NDArray[np.float32]:
        """Give the features (D,) of one slice (H, W) or (H, W, 3) of display values in [0, 1]."""

    def prepare(self, scan: Scan) -> NDArray[np.float32]:
        """Give the features (k, D) of the k slices of a scan that are looked at."""
        chosen = choose_slices(scan.shape[0], SLICES)
        return np.stack([self.features(scan.pixels[index], scan.modality) for index in chosen])

    def perceive(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Give prepared features (B, D) back; nothing is left to do."""
        return batch.copy()

    def embed(self, scan: Scan) -> NDArray[np.float32]:
        """Give a scan's embedding (D,), the mean over its slices."""
        vector: NDArray[np.float32] = np.mean(self.prepare(scan), axis=0, dtype=np.float32)
        return vector
