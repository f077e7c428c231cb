"""Small vision transformers with random weights, as encoders: what foundation models are, without their size.

Blocks that scale their own output down, as timm starts DINOv2's, leave each token about its own patch.
"""

import json

import timm
import torch
from safetensors.torch import save_file

from reid_engine.encoder.model import Encoder
from reid_engine.encoder.spec import EncoderSpec, Recipe
from reid_engine.encoder.trained import DESCRIPTION_NAME, WEIGHTS_NAME, describe_trained, trained_name
from reid_engine.encoder.weights import hash_state

KINDS = {
    "registers": ("vit_small_patch14_reg4_dinov2", 14, {"global_pool": "token"}),
    "masked": ("vit_tiny_patch16_224", 16, {"global_pool": "avg"}),
}
"""DINOv2 with a class token and four registers; a masked autoencoder whose patches are averaged."""

PATCHES = 12
"""Along each side."""


def small_vit(kind, tiles=3):
    """Give an encoder of a kind, on the CPU."""
    architecture, patch, options = KINDS[kind]
    options = {**options, "img_size": PATCHES * patch}
    recipe = Recipe(size=PATCHES * patch, mean=(0.5,) * 3, std=(0.25,) * 3, tiles=tiles)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        network = timm.create_model(architecture, num_classes=0, depth=2, embed_dim=64, num_heads=2, **options)
    spec = EncoderSpec(f"small-{kind}", architecture, 64, ("any",), recipe, source=None, options=options)
    return Encoder(spec, network, torch.device("cpu"))


def write_vit(folder):
    """Write timm's own tiny transformer as a trained encoder, so that commands and servers load it by its folder."""
    folder.mkdir()
    options = {"global_pool": "avg"}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        state = timm.create_model("test_vit", num_classes=0, **options).state_dict()
    weights_hash = hash_state(state)
    recipe = Recipe(size=160, mean=(0.5,) * 3, std=(0.25,) * 3, crop=False)
    spec = EncoderSpec(trained_name("small", weights_hash), "test_vit", 64, ("any",), recipe, None, options)
    save_file(state, folder / WEIGHTS_NAME)
    (folder / DESCRIPTION_NAME).write_text(json.dumps(describe_trained(spec, "test_vit", weights_hash)))
    return folder
