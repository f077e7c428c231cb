"""An encoder with networks of its own for some modalities, all of one architecture."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from reid_engine.encoder.appearance import WatchedNetwork
from reid_engine.encoder.model import Encoder, fingerprint, mark, ready
from reid_engine.encoder.preprocessing import Preprocessing
from reid_engine.encoder.spec import EncoderSpec
from reid_engine.scan import Scan


class BranchedEncoder(Encoder):
    """Sends each scan through the network for its modality.

    Prepared input has a fourth channel, constant, that says which network it is for, so that batches may mix
    modalities; a half more says that a picture is the whole of parts beside it (`model.mark`).

    Parameters
    ----------
    spec
        As for :class:`Encoder`.
    network
        For all other modalities.
    branches
        Spec and network by modality.
    device, notes
        As for :class:`Encoder`.
    """

    def __init__(
        self,
        spec: EncoderSpec,
        network: torch.nn.Module,
        branches: Mapping[str, tuple[EncoderSpec, torch.nn.Module]],
        device: torch.device,
        notes: tuple[str, ...] = (),
    ) -> None:
        prints = {modality: fingerprint(branch, own) for modality, (own, branch) in branches.items()}
        super().__init__(spec, network, device, notes)
        facts = json.dumps({"": self.identity.fingerprint, **prints}, sort_keys=True)
        self.identity = replace(self.identity, fingerprint=hashlib.sha256(facts.encode()).hexdigest())
        self._numbers = {modality: number for number, modality in enumerate(branches, start=1)}
        watched = (self._watch(ready(branch, device), own) for own, branch in branches.values())
        self._networks = [self._watched, *watched]
        recipes = {modality: own.recipe for modality, (own, _) in branches.items()}
        self._preparing = {modality: Preprocessing(recipe) for modality, recipe in recipes.items() if recipe}

    @property
    def _overlooks(self) -> bool:
        return True

    @property
    def own_networks(self) -> frozenset[str]:
        """The branches' modalities."""
        return frozenset(self._numbers)

    def knows_people(self, modality: str) -> bool:
        """Whether a modality has weights of its own."""
        return modality in self.spec.own_weights

    def prepare(self, scan: Scan) -> NDArray[np.float32]:
        """Give the input (k, 4, h, w) for a scan's k slices that are embedded; the last channel names the network."""
        inputs, whole = self._preparing.get(scan.modality, self.preprocessing).flagged(scan)
        return mark(inputs, self._numbers.get(scan.modality, 0), whole)

    def perceive(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Give raw features, and what the encoder keeps beside them, (B, D + A) of prepared input (B, 4, h, w)."""
        out = np.empty((len(batch), self.identity.width), dtype=np.float32)
        for watched, rows in self._routes(batch):
            out[rows] = self._through(watched, batch[rows, :3])
        return self._without_whole(out, batch)

    def patches(self, batch: NDArray[np.float32]) -> NDArray[np.float32] | None:
        """Give patch tokens (B, h, w, C) of prepared input (B, 4, H, W), h × w patches; None where there are none."""
        out: NDArray[np.float32] | None = None
        for watched, rows in self._routes(batch):
            tokens = self._patches_through(watched.network, batch[rows, :3])
            if tokens is None:
                return None
            if out is None:
                out = np.empty((len(batch), *tokens.shape[1:]), dtype=np.float32)
            out[rows] = tokens
        return out

    def _routes(self, batch: NDArray[np.float32]) -> Iterator[tuple[WatchedNetwork, NDArray[np.bool_]]]:
        """Give each network that the batch is for, and which rows (B,) go through it."""
        numbers = np.floor(batch[:, 3, 0, 0] + 0.25).astype(np.int64)  # who blurs a picture rounds this, too
        for number in np.unique(numbers):
            yield self._networks[number], numbers == number
