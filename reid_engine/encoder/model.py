"""A loaded encoder."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch
from numpy.typing import NDArray

from reid_engine.encoder.appearance import WatchedNetwork
from reid_engine.encoder.ensemble import Ensemble, joined, members_of, parted
from reid_engine.encoder.folding import fold_batch_norms
from reid_engine.encoder.identity import EncoderIdentity
from reid_engine.encoder.looks import takes_any_size
from reid_engine.encoder.packing import pack_convolutions
from reid_engine.encoder.patches import has_patches, patch_tokens
from reid_engine.encoder.pooling import pool_batches
from reid_engine.encoder.preprocessing import PREPROCESSING_VERSION, Preprocessing
from reid_engine.encoder.registry import DEFAULT_ENCODER, find_spec
from reid_engine.encoder.spec import EncoderSpec, FolderWeights
from reid_engine.encoder.weights import Fitted, fit_state, hash_state, read_state
from reid_engine.encoder.weights_folder import find_weights
from reid_engine.errors import EncoderError
from reid_engine.scan import Scan

BATCH = 16
"""Slices that the network sees at a time."""

__all__ = ["DEFAULT_ENCODER", "Encoder", "load_encoder"]


class Encoder:
    """Scan to embedding: preprocessing and a network that is never trained here.

    Parameters
    ----------
    spec
        What it is, with its width known.
    network
        Takes (B, 3, h, w), gives (B, D). It is made ready for inference in place, and can't be trained after.
    device
        Where it computes.
    notes
        What was left out of the weights file and what was filled in, in words; empty when nothing was.
    """

    def __init__(
        self, spec: EncoderSpec, network: torch.nn.Module, device: torch.device, notes: tuple[str, ...] = ()
    ) -> None:
        if spec.recipe is None or spec.dim is None:
            raise EncoderError(f"{spec.name}: its input or its width is not known; choose another encoder")
        if spec.recipe.second_size is not None and not takes_any_size(network):
            raise EncoderError(
                f"{spec.name}: takes pictures of one size alone, so it cannot look twice; train it again"
            )
        self.spec = spec
        self.notes = notes
        self.device = device
        self.preprocessing = Preprocessing(spec.recipe)
        print_ = fingerprint(network, spec)
        self.network = ready(network, device)
        self._watched = self._watch(self.network, spec)
        self.identity = EncoderIdentity(spec.name, spec.dim, print_, self._watched.width)

    def _watch(self, network: torch.nn.Module, spec: EncoderSpec) -> WatchedNetwork:
        if spec.recipe is None:
            return WatchedNetwork(network)
        half_way = spec.recipe.size if self._overlooks else None
        recipe = spec.recipe
        return WatchedNetwork(network, half_way=half_way, second_size=recipe.second_size, mirror=recipe.mirror)

    @property
    def _overlooks(self) -> bool:
        """Whether the features of any modality were trained to overlook what does not tell people apart."""
        return isinstance(self.spec.source, FolderWeights)

    @property
    def own_networks(self) -> frozenset[str]:
        """Modalities whose features are of a network of their own, and compare with those of no other modality."""
        return frozenset()

    def knows_people(self, modality: str) -> bool:
        """Whether a modality's features were trained to tell people apart, and with that to overlook other things."""
        return isinstance(self.spec.source, FolderWeights)

    @property
    def dim(self) -> int:
        """Length D of an embedding."""
        return self.identity.dim

    def prepare(self, scan: Scan) -> NDArray[np.float32]:
        """Give the network's input (k, 3, h, w) for the k slices of a scan that are embedded.

        Where the whole is looked at beside its parts, a fourth channel, constant, says which pictures are the whole.
        """
        inputs, whole = self.preprocessing.flagged(scan)
        return mark(inputs, 0, whole) if self.preprocessing.recipe.whole else inputs

    def forward(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Give raw features (B, D) of prepared input (B, 3, h, w)."""
        return self.perceive(batch)[:, : self.dim]

    def perceive(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Give raw features, and what the encoder keeps beside them, (B, D + A) of prepared input (B, 3, h, w).

        A whole picture whose parts lie beside it has no say in the latter, NaN: squeezed, it looks otherwise.
        """
        return self._without_whole(self._through(self._watched, batch[:, :3]), batch)

    @property
    def has_patches(self) -> bool:
        """Whether the network is a vision transformer, which knows something of each patch of its input."""
        return has_patches(self.network)

    def patches(self, batch: NDArray[np.float32]) -> NDArray[np.float32] | None:
        """Give patch tokens (B, h, w, C) of prepared input (B, 3, H, W), h × w patches; None where there are none."""
        return self._patches_through(self.network, batch[:, :3])

    def _without_whole(self, found: NDArray[np.float32], batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take what is kept beside features from pictures that are marked as a whole."""
        if batch.shape[1] > 3:
            found[is_whole(batch), self.dim :] = np.nan
        return found

    def _through(self, watched: WatchedNetwork, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.inference_mode():
            return _to_numpy(watched(self._to_device(batch)))

    def _patches_through(self, network: torch.nn.Module, batch: NDArray[np.float32]) -> NDArray[np.float32] | None:
        with torch.inference_mode():
            tokens = patch_tokens(network, self._to_device(batch))
            return None if tokens is None else _to_numpy(tokens)

    def _to_device(self, batch: NDArray[np.float32]) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(batch)).to(self.device, non_blocking=True)

    def embed(self, scan: Scan) -> NDArray[np.float32]:
        """Give a scan's embedding (D,), the mean over its slices."""
        return self.take_in(scan)[: self.dim]

    def take_in(self, scan: Scan) -> NDArray[np.float32]:
        """Give a scan's embedding, and what is kept beside it, (D + A,), the mean over its slices."""
        for _, vector in pool_batches(self.perceive, [(0, self.prepare(scan))], BATCH):
            if vector is not None:
                return vector
        raise ValueError("a scan has one slice at least")

    def embed_many(self, scans: Sequence[Scan], batch_size: int = BATCH) -> NDArray[np.float32]:
        """Give the embeddings (N, D) of scans that are in memory."""
        prepared = (self.prepare(scan) for scan in scans)
        out = np.empty((len(scans), self.dim), dtype=np.float32)
        for position, vector in pool_batches(self.forward, enumerate(prepared), batch_size):
            if vector is not None:
                out[position] = vector
        return out


def mark(inputs: NDArray[np.float32], number: int, whole: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Give pictures (k, 3, h, w) a fourth channel: a network's number, and a half more where they are the whole."""
    out = np.empty((len(inputs), 4, *inputs.shape[2:]), dtype=np.float32)
    out[:, :3] = inputs
    out[:, 3] = (number + 0.5 * whole)[:, None, None]
    return out


def is_whole(batch: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Tell which pictures (B,) were marked as the whole."""
    halves: NDArray[np.bool_] = (batch[:, 3, 0, 0] + 0.25) % 1 > 0.5
    return halves


def load_encoder(
    name: str = DEFAULT_ENCODER,
    *,
    weights: Path | None = None,
    device: str | None = None,
    download: bool = False,
) -> Encoder:
    """Load an encoder by name.

    Parameters
    ----------
    name
        A registered name, any timm model as ``timm:NAME``, or a trained encoder by its folder or name.
    weights
        A local weights file instead of the spec's own, or a folder that holds it.
    device
        ``"cpu"``, ``"cuda"``, ``"cuda:1"``; by default CUDA where there is one.
    download
        Whether weights that are not at hand may be fetched from the model hub; never without being asked.

    Raises
    ------
    EncoderError
        The name is unknown, the weights are not at hand or do not fit, or the device is not there.
    """
    return load_spec(find_spec(name), weights=weights, device=device, download=download)


def load_spec(
    spec: EncoderSpec, *, weights: Path | None = None, device: str | None = None, download: bool = False
) -> Encoder:
    """Load the encoder that a spec describes; see :func:`load_encoder`."""
    place = find_device(device)
    network, fitted = load_network(spec, weights=weights, download=download)
    spec = replace(spec, dim=int(network.num_features))
    if weights:  # they are no longer those that its source tells of
        spec = replace(spec, source=None, branches={})
    if not spec.branches:
        return Encoder(spec, network, place, _notes(fitted))
    from reid_engine.encoder.branched import BranchedEncoder

    branches = {modality: (branch, load_network(branch)[0]) for modality, branch in sorted(spec.branches.items())}
    return BranchedEncoder(spec, network, branches, place, _notes(fitted))


def load_network(spec: EncoderSpec, *, weights: Path | None = None, download: bool = False) -> tuple[Any, Fitted]:
    """Load a spec's network as timm builds it, without a classifier, on the CPU; see :func:`load_encoder`."""
    path = find_weights(Path(weights), spec) if weights else _own_weights(spec, download)
    network = _build(spec)
    fitted = _fit(network, path)
    network.load_state_dict(fitted.state, strict=True)
    return network, fitted


def _own_weights(spec: EncoderSpec, download: bool) -> Path:
    path = spec.source.locate() if spec.source else None
    if path is None and download:
        path = spec.fetch()
    if path is None:
        raise EncoderError(f"{spec.name}: its weights are not on this machine; {spec.advice}")
    return path


def _build(spec: EncoderSpec) -> Any:
    if spec.members > 1:
        return Ensemble([_build(replace(spec, members=1)) for _ in range(spec.members)])
    try:
        with torch.random.fork_rng(devices=[]):  # its first random weights are not the caller's dice
            network = timm.create_model(spec.architecture, pretrained=False, num_classes=0, **spec.options)
    except (RuntimeError, TypeError, ValueError) as error:
        line = " ".join(str(error).split())
        raise EncoderError(f"{spec.name}: timm cannot build {spec.architecture} ({line})") from error
    if spec.renormalise:
        network.fc_norm = torch.nn.LayerNorm(network.num_features, eps=1e-6, elementwise_affine=False)
    return network


def _fit(network: Any, path: Path) -> Fitted:
    heads = network.pretrained_cfg.get("classifier") or ()
    heads = (heads,) if isinstance(heads, str) else tuple(heads)
    members = members_of(network)
    states, over = parted(read_state(path), len(members))
    if over:
        raise EncoderError(f"{path}: weights that belong to none of its {len(members)} networks; get the file again")
    fitted = [fit_state(path, *pair, heads) for pair in zip(states, (one.state_dict() for one in members), strict=True)]
    if len(fitted) == 1:
        return fitted[0]
    return Fitted(joined([one.state for one in fitted]))


def _notes(fitted: Fitted) -> tuple[str, ...]:
    said = (("left out of the file", fitted.left_out), ("not in the file, set to identity", fitted.filled_in))
    return tuple(f"{what}: {', '.join(keys)}" for what, keys in said if keys)


def _to_numpy(values: torch.Tensor) -> NDArray[np.float32]:
    return np.asarray(values.float().cpu().numpy(), dtype=np.float32)


def find_device(name: str | None) -> torch.device:
    """Give a device by name, by default CUDA where there is one; raise EncoderError when it cannot be used."""
    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise EncoderError(f"device {name!r} cannot be used here; leave it out or say cpu") from error
    return device


def ready(network: torch.nn.Module, device: torch.device) -> torch.nn.Module:
    """Make a network ready for inference, in place."""
    fold_batch_norms(network)
    network = network.to(device).eval().requires_grad_(False)
    if device.type == "cpu":  # convolutions take half the time when channels come last
        network = network.to(memory_format=torch.channels_last)
        pack_convolutions(network)
    return network


def fingerprint(network: torch.nn.Module, spec: EncoderSpec) -> str:
    """Hash weights and preprocessing; the options are in it because they change what is pooled."""
    facts = {
        "weights": hash_state(network.state_dict()),
        "architecture": spec.architecture,
        "options": dict(spec.options),
        "preprocessing": PREPROCESSING_VERSION,
        "recipe": spec.recipe.to_facts() if spec.recipe else None,
    }
    if spec.renormalise:  # else left out, so that older galleries stay valid
        facts["renormalise"] = True
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
