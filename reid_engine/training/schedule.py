"""How the learning rate goes, and which stages of the network are trained when."""

import math
from typing import Any

WARM_UP = 0.1
"""Share of all steps in which the learning rate rises."""

STATISTICS_IMAGES = 32
"""Images of a batch from which on its mean and deviation are good enough to normalise by."""

STATISTICS_OF = 500
"""Training images from which on batch norms follow the batches; with few, what they have is the better guess."""

STATISTICS_UNTIL = 0.8
"""Share of the epochs after which the batch norms keep what they have, as they will when the encoder is used."""

LATE_FROM = 0.7
"""Share of the epochs after which pictures have the late size."""

LAST_STAGES = 1 / 3
"""Share of the network's stages that is trained from the start; the others join later."""

CONVOLUTIONAL_RATE, TRANSFORMER_RATE = 3e-4, 3e-5
"""Default learning rates."""


def rate_factor(step: int, steps: int) -> float:
    """Give the factor, above 0 and up to 1, of the learning rate at step 0..steps-1.

    A linear rise, then half a cosine (Loshchilov & Hutter, SGDR, ICLR 2017).
    """
    rise = max(1, round(WARM_UP * steps))
    if step < rise:
        return (step + 1) / rise
    return 0.5 * (1 + math.cos(math.pi * (step - rise + 1) / max(steps - rise + 1, 1)))


def picture_size(epoch: int, epochs: int, size: int | None, late_size: int | None) -> int | None:
    """Give the side of the pictures in epoch 0..epochs-1, in pixels; None is that of the encoder."""
    return late_size if late_size and epoch >= LATE_FROM * epochs else size


def default_rate(architecture: str) -> float:
    """Give the learning rate of a timm architecture: transformers take a tenth of what convolutions do."""
    return TRANSFORMER_RATE if architecture.startswith(("vit_", "deit", "beit", "eva")) else CONVOLUTIONAL_RATE


def stages(network: Any) -> list[list[str]]:
    """Give the names of a timm network's parameters by stage, from the input on."""
    from timm.models import group_parameters

    grouped = group_parameters(network, network.group_matcher(coarse=True))
    return [grouped[key] for key in sorted(grouped)]


def unfreeze(network: Any, *, all_stages: bool, statistics: bool = False, kept: int = 0) -> None:
    """Let gradients reach all stages but those kept, or the last ones only.

    Parameters
    ----------
    network
        Of timm.
    all_stages
        Whether all of it learns.
    statistics
        Whether the batch norms that learn normalise by each batch, and follow its mean and deviation; the others keep
        what they have.
    kept
        First stages that gradients never reach; the last one always learns.
    """
    order = stages(network)
    last = max(1, round(LAST_STAGES * len(order)))
    order = order[min(kept, len(order) - 1) :]
    trained = {name for names in (order if all_stages else order[-last:]) for name in names}
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(name in trained)
    network.train()
    for module in network.modules():
        if "BatchNorm" in type(module).__name__ and not (statistics and module.weight.requires_grad):
            module.eval()
