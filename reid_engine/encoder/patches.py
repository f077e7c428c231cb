"""The patch tokens of a vision transformer: what it knows of each patch of its input, beside what it pools."""

from typing import Any

import torch


def has_patches(network: Any) -> bool:
    """Tell whether a network is a vision transformer by what it has: a grid of patches, and tokens before them.

    Networks that thin their tokens out on the way have no such pair, or give none by :func:`patch_tokens`.
    """
    grid = getattr(getattr(network, "patch_embed", None), "grid_size", None)
    prefix = getattr(network, "num_prefix_tokens", None)
    return grid is not None and type(prefix) is int and callable(getattr(network, "forward_features", None))


def patch_tokens(network: Any, inputs: torch.Tensor) -> torch.Tensor | None:
    """Give the last layer's patch tokens, where they lie in the input.

    Parameters
    ----------
    network
        Any of timm's.
    inputs
        (B, 3, H, W).

    Returns
    -------
    (B, h, w, C) for h × w patches, class token and registers left out; None where the network has none.
    """
    if not has_patches(network):
        return None
    rows, columns = network.patch_embed.grid_size
    tokens = network.forward_features(inputs)
    if not isinstance(tokens, torch.Tensor) or tokens.ndim != 3:
        return None
    patches = tokens[:, network.num_prefix_tokens :]
    if patches.shape[1] != rows * columns:
        return None
    return patches.reshape(len(patches), rows, columns, -1)
