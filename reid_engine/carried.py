"""What an encoder's folder holds beside the network: PLDA, and which images were learnt from."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reid_engine.encoder.identity import EncoderIdentity
from reid_engine.encoder.registry import find_spec
from reid_engine.encoder.spec import EncoderSpec, FolderWeights
from reid_engine.encoder.trained import LEARNT_NAME, PLDA_NAME
from reid_engine.errors import EncoderError
from reid_engine.matcher.carried_plda import CarriedPlda, shorten


def carried_plda(spec: EncoderSpec, modality: str) -> CarriedPlda | None:
    """Give the PLDA that an encoder carries for a modality; None where it has none.

    Raises
    ------
    EncoderError
        The file is damaged.
    """
    held = _read(spec.branches.get(modality, spec), PLDA_NAME)
    own = {name.partition(".")[2]: array for name, array in held.items() if name.partition(".")[0] == modality}
    if not own:
        return None
    try:
        found = CarriedPlda.from_arrays(own)
        if spec.dim not in (None, len(found.projection)):
            raise ValueError("of features of another length")
        return found
    except (KeyError, ValueError, IndexError) as error:
        raise EncoderError(f"{spec.name}: its {PLDA_NAME} is damaged; restore it, or train again") from error


def carried_by(identity: EncoderIdentity, modality: str) -> CarriedPlda | None:
    """Give the PLDA that comes with the encoder of a gallery; None where it has none, or other weights were given."""
    spec = _find(identity)
    found = carried_plda(spec, modality) if spec else None
    return found if spec and found and _is(spec, identity) else None


def learnt_by(identity: EncoderIdentity, modality: str, digests: Iterable[str]) -> int:
    """Count the images of a gallery, by their pixel digests (hex), that its encoder learnt from."""
    spec = _find(identity)
    count = int(learnt_images(spec, modality, digests).sum()) if spec else 0
    return count if spec and count and _is(spec, identity) else 0


def _find(identity: EncoderIdentity) -> EncoderSpec | None:
    try:
        return find_spec(identity.name)
    except EncoderError:
        return None


def _is(spec: EncoderSpec, identity: EncoderIdentity) -> bool:
    """Whether the encoder of a gallery had the weights of its name."""
    from reid_engine.encoder.model import load_spec

    return load_spec(spec, device="cpu").identity == identity


def learnt_images(spec: EncoderSpec, modality: str, digests: Iterable[str]) -> NDArray[np.bool_]:
    """Tell of a modality's images, by their pixel digests (hex), whether its network learnt from them."""
    known = _read(spec.branches.get(modality, spec), LEARNT_NAME).get("prints", np.empty(0, dtype=np.int64))
    return np.isin(shorten(digests), known)


def carried_arrays(models: Mapping[str, CarriedPlda]) -> dict[str, NDArray[Any]]:
    """Give the arrays of :data:`PLDA_NAME` for models by modality."""
    return {f"{modality}.{name}": array for modality, one in models.items() for name, array in one.to_arrays().items()}


def _read(spec: EncoderSpec, name: str) -> dict[str, NDArray[Any]]:
    if not isinstance(spec.source, FolderWeights):
        return {}
    return _read_file(spec.source.path.with_name(name))


def _read_file(path: Path) -> dict[str, NDArray[Any]]:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return dict(load_file(path)) if path.is_file() else {}
    except (OSError, SafetensorError, ValueError) as error:
        raise EncoderError(f"{path}: cannot be read ({type(error).__name__}); restore it, or train again") from error
