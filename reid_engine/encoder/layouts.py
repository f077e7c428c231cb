"""Key names that circulate for the same networks, and timm's for them.

A layout is recognised by its keys. What a layout leaves out on purpose (a decoder, a mask token) is reported,
never dropped in silence; keys that no layout knows stay as they are, for the caller to refuse.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

State = dict[str, Tensor]


@dataclass
class Translation:
    """A state under timm's key names, and what was left out or filled in to get there."""

    state: State
    left_out: list[str] = field(default_factory=list)
    filled_in: list[str] = field(default_factory=list)

    def drop(self, *prefixes: str) -> None:
        """Leave out every key that starts with one of the prefixes."""
        gone = [key for key in self.state if key.startswith(prefixes)]
        self.left_out += gone
        self.state = {key: value for key, value in self.state.items() if key not in gone}


def to_timm(state: State, target: State) -> Translation:
    """Translate a file's state to the key names and token grids of timm's network `target`."""
    names = next((layout for marker, layout in _LAYOUTS if any(key.startswith(marker) for key in state)), None)
    translation = names(state, target) if names else Translation(dict(state))
    _fit_position_grid(translation.state, target)
    return translation


def _from_lite(state: State, target: State) -> Translation:
    """Take efficientnet-lite-pytorch: one running number a block, other names for layers."""
    blocks = sorted({(int(m[1]), int(m[2])) for m in (re.match(r"blocks\.(\d+)\.(\d+)\.", key) for key in target) if m})
    return Translation({_lite_key(key, state, blocks): value for key, value in state.items()})


def _lite_key(key: str, state: State, blocks: list[tuple[int, int]]) -> str:
    first, _, rest = key.partition(".")
    if first in _LITE_OUTER:
        return f"{_LITE_OUTER[first]}.{rest}"
    found = re.fullmatch(r"_blocks\.(\d+)\.(\w+)\.(\w+)", key)
    if not found or int(found[1]) >= len(blocks):
        return key
    expands = f"_blocks.{found[1]}._expand_conv.weight" in state
    stage, place = blocks[int(found[1])]
    layer = (_LITE_EXPANDED if expands else _LITE_PLAIN).get(found[2], found[2])
    return f"blocks.{stage}.{place}.{layer}.{found[3]}"


_LITE_OUTER = {
    "_conv_stem": "conv_stem",
    "_bn0": "bn1",
    "_conv_head": "conv_head",
    "_bn1": "bn2",
    "_fc": "classifier",
}
_LITE_PLAIN = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
_LITE_EXPANDED = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}


def _from_mae(state: State, target: State) -> Translation:
    """Take a masked autoencoder: timm's names beside a decoder.

    Mean-pooled features have a norm of their own after the pooling, `fc_norm`, which pre-training doesn't
    hold: it starts as the identity, and the encoder's last norm, made for single tokens, is left out.
    """
    translation = Translation(dict(state))
    translation.drop("decoder_", "mask_token")
    for name, value in (("fc_norm.weight", 1.0), ("fc_norm.bias", 0.0)):
        if name in target and name not in state:
            translation.state[name] = torch.full_like(target[name], value)
            translation.filled_in.append(name)
    if "norm.weight" not in target:
        translation.drop("norm.")
    return translation


def _from_dinov2(state: State, target: State) -> Translation:
    """Take the original DINOv2 code: timm's names, but registers share the class token's position.

    Training in several chunks writes `blocks.CHUNK.NUMBER.`; the number counts through all chunks.
    """
    translation = Translation({re.sub(r"^blocks\.\d+\.(\d+)\.", r"blocks.\1.", key): state[key] for key in state})
    translation.drop("mask_token", "dino_head.", "ibot_head.")
    kept = translation.state
    if "register_tokens" in kept and "reg_token" in target:
        position = kept["pos_embed"]
        kept["reg_token"] = kept.pop("register_tokens")
        kept["cls_token"] = kept["cls_token"] + position[:, :1]
        kept["pos_embed"] = position[:, 1:]
    return translation


def _from_open_clip(state: State, target: State) -> Translation:
    """Take an OpenCLIP model whose image tower is timm's: the tower alone, before its projection."""
    translation = Translation({key.removeprefix("visual.trunk."): value for key, value in state.items()})
    translation.drop("text.", "visual.head.", "logit_scale", "logit_bias")
    return translation


def _from_hugging_face(state: State, target: State) -> Translation:
    """Take Hugging Face's Dinov2Model, with registers or without: query, key and value apart, other names."""
    renamed: State = {}
    for key, value in state.items():
        if re.search(r"\.attention\.attention\.(key|value)\.", key):
            continue
        if ".attention.attention.query." in key:
            parts = [state.get(key.replace(".query.", f".{part}.")) for part in ("query", "key", "value")]
            if any(part is None for part in parts):
                renamed[key] = value
                continue
            value = torch.cat([part for part in parts if part is not None])
        for old, new in _HUGGING_FACE:
            key = re.sub(old, new, key)
        renamed[key] = value
    translation = _from_dinov2(renamed, target)
    translation.drop("classifier.")
    return translation


_HUGGING_FACE = (
    (r"^embeddings\.patch_embeddings\.projection\.", "patch_embed.proj."),
    (r"^embeddings\.position_embeddings$", "pos_embed"),
    (r"^embeddings\.(cls_token|mask_token|register_tokens)$", r"\1"),
    (r"^encoder\.layer\.(\d+)\.", r"blocks.\1."),
    (r"\.attention\.attention\.query\.", ".attn.qkv."),
    (r"\.attention\.output\.dense\.", ".attn.proj."),
    (r"\.layer_scale([12])\.lambda1$", r".ls\1.gamma"),
    (r"^layernorm\.", "norm."),
)

_LAYOUTS: tuple[tuple[str, Callable[[State, State], Translation]], ...] = (
    ("_conv_stem.", _from_lite),
    ("decoder_pos_embed", _from_mae),
    ("embeddings.position_embeddings", _from_hugging_face),
    ("visual.trunk.", _from_open_clip),
    ("mask_token", _from_dinov2),
    ("register_tokens", _from_dinov2),
)


def _fit_position_grid(state: State, target: State) -> None:
    """Interpolate a square grid of position embeddings to the network's, as timm does."""
    own, wanted = state.get("pos_embed"), target.get("pos_embed")
    if own is None or wanted is None or own.ndim != 3 or own.shape == wanted.shape:
        return
    prefix = next((n for n in (1, 0) if _side(own.shape[1] - n) and _side(wanted.shape[1] - n)), None)
    if prefix is None or own.shape[2] != wanted.shape[2]:
        return
    from timm.layers import resample_abs_pos_embed

    side = _side(wanted.shape[1] - prefix)
    state["pos_embed"] = resample_abs_pos_embed(own, new_size=[side, side], num_prefix_tokens=prefix)


def _side(tokens: int) -> int:
    """Side of a square grid of so many tokens, 0 when they don't fill one."""
    side = round(max(tokens, 0) ** 0.5)
    return side if side * side == tokens else 0
