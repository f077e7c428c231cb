"""Weights from a file: read without running anything in it, renamed to timm's keys, hashed."""

import argparse
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from reid_engine.encoder.layouts import State, to_timm
from reid_engine.encoder.rounding import widened
from reid_engine.errors import EncoderError

_WRAPPERS = ("state_dict", "model", "model_state_dict", "model_ema", "teacher")
_PREFIXES = ("module.", "_orig_mod.", "backbone.", "dinov2.", "dinov2_with_registers.")


def read_state(path: Path) -> State:
    """Read named tensors from a ``.safetensors`` file or a torch file; nothing in it is executed.

    Weights that are stored in 8 bits (:mod:`reid_engine.encoder.rounding`) come back in 32.

    Raises
    ------
    EncoderError
        The file is missing, isn't a weights file, or holds more than tensors and plain values.
    """
    if not path.is_file():
        raise EncoderError(f"{path}: there is no such weights file; check the path")
    try:
        content = _read_safetensors(path) if _is_safetensors(path) else _read_torch(path)
    except EncoderError:
        raise
    except Exception as error:
        raise EncoderError(
            f"{path}: not a weights file that can be read safely ({type(error).__name__}); "
            "give a .safetensors file, or a .pth file that holds only tensors"
        ) from error
    state = _unwrap(path, content)
    if not state:
        raise EncoderError(f"{path}: the file holds no named tensors; give the weights of a network")
    try:
        return widened(state)
    except ValueError as error:
        raise EncoderError(
            f"{path}: the steps of its 8-bit weights do not fit them ({error}); get the file again"
        ) from error


def _is_safetensors(path: Path) -> bool:
    """Judge by content: eight bytes of header length, then a JSON object."""
    with path.open("rb") as stream:
        head = stream.read(9)
    return len(head) == 9 and head[8:9] == b"{"


def _read_safetensors(path: Path) -> Mapping[str, object]:
    from safetensors.torch import load_file

    content: Mapping[str, object] = load_file(path)
    return content


def _read_torch(path: Path) -> Mapping[str, object]:
    with torch.serialization.safe_globals([argparse.Namespace]):  # plain values that training scripts keep
        content = torch.load(path, map_location="cpu", weights_only=True)
    if not isinstance(content, Mapping):
        raise EncoderError(f"{path}: the file holds a {type(content).__name__}, not named tensors")
    return content


def _unwrap(path: Path, content: Mapping[str, object]) -> State:
    """Take the network out of a training checkpoint, and wrappers' prefixes off its keys."""
    for key in _WRAPPERS:
        inner = content.get(key)
        if isinstance(inner, Mapping):
            return _unwrap(path, inner)
    state = {str(key): value for key, value in content.items() if isinstance(value, torch.Tensor)}
    for prefix in _PREFIXES:
        if any(key.startswith(prefix) for key in state):
            bare = {key.removeprefix(prefix): value for key, value in state.items()}
            if len(bare) < len(state):
                twice = [key for key in bare if key in state and prefix + key in state]
                raise EncoderError(f"{path}: holds two networks, with and without {prefix} ({_some(twice)}); keep one")
            return _unwrap(path, bare)
    return state


@dataclass(frozen=True)
class Fitted:
    """A state with exactly the keys of a network, and what was left out and filled in to get there."""

    state: State
    left_out: tuple[str, ...] = ()
    filled_in: tuple[str, ...] = ()


def fit_state(path: Path, state: State, target: State, heads: tuple[str, ...] = ()) -> Fitted:
    """Rename a file's state to a network's keys, and refuse it unless everything fits.

    Parameters
    ----------
    path
        For messages.
    state, target
        The file's tensors and the network's.
    heads
        Names of the network's classifier layers: what the file has for them is left out.

    Raises
    ------
    EncoderError
        Keys are missing, unexpected, or have another shape; the first few are listed.
    """
    translation = to_timm(state, target)
    if heads:
        translation.drop(*(f"{head}." for head in heads if f"{head}.weight" not in target))
    own = translation.state
    missing = sorted(key for key in target if key not in own and not key.endswith("num_batches_tracked"))
    unexpected = sorted(key for key in own if key not in target)
    shapes = sorted(
        f"{key} {tuple(own[key].shape)} for {tuple(target[key].shape)}"
        for key in own
        if key in target and own[key].shape != target[key].shape
    )
    faults = [("missing", missing), ("unexpected", unexpected), ("of another shape", shapes)]
    said = "; ".join(f"{len(keys)} {what} ({_some(keys)})" for what, keys in faults if keys)
    if said:
        raise EncoderError(f"{path}: the weights do not fit this network: {said}; give a file made for it")
    full = {key: own.get(key, target[key]).to(target[key].dtype) for key in target}
    _refuse_nonsense(path, full)
    return Fitted(full, tuple(sorted(translation.left_out)), tuple(sorted(translation.filled_in)))


def _refuse_nonsense(path: Path, state: State) -> None:
    bad = sorted(key for key, value in state.items() if not torch.isfinite(value).all())
    if bad:
        raise EncoderError(f"{path}: weights that are not finite numbers ({_some(bad)}); get the file again")


def _some(keys: list[str], most: int = 4) -> str:
    more = f" and {len(keys) - most} more" if len(keys) > most else ""
    return ", ".join(keys[:most]) + more


def hash_state(state: State) -> str:
    """Give the SHA-256 (hex) of names, shapes and values, whatever file or order they came in."""
    digest = hashlib.sha256()
    for key in sorted(state):
        value = state[key].detach().cpu().contiguous()
        digest.update(f"{key} {value.dtype} {tuple(value.shape)}\n".encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
