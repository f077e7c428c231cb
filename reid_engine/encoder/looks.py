"""Several looks at one picture, at a second size and in a mirror, whose features are averaged.

Eyes come in pairs that mirror each other: with a picture and its mirror image, features no longer tell left from right,
and fellow eyes become alike.
"""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.nn import functional

from reid_engine.encoder.spec import Recipe


def shrink(inputs: Tensor, size: int) -> Tensor:
    """Give inputs (B, 3, h, w) with sides of `size` pixels, averaging where they shrink."""
    return functional.interpolate(inputs, size=(size, size), mode="bilinear", antialias=True, align_corners=False)


def further_looks(inputs: Tensor, second_size: int | None, mirror: bool) -> Iterator[Tensor]:
    """Give what the network is shown of inputs (B, 3, h, w) beside themselves; none where one look is all."""
    small = None if second_size is None else shrink(inputs, second_size)
    if small is not None:
        yield small
    if mirror:
        for look in (inputs, small):
            if look is not None:
                yield look.flip(3)


def mean_direction(first: Tensor, *others: Tensor) -> Tensor:
    """Give the mean (B, D) of features that were brought to unit length; of one alone, itself."""
    if not others:
        return first
    return torch.stack([functional.normalize(one.float()) for one in (first, *others)]).mean(dim=0)


def look(network: Callable[[Tensor], Tensor], inputs: Tensor, recipe: Recipe) -> Tensor:
    """Give features (B, D) of inputs (B, 3, h, w), the mean of all looks that a recipe asks for."""
    further = further_looks(inputs, recipe.second_size, recipe.mirror)
    return mean_direction(network(inputs), *(network(one) for one in further))


def takes_any_size(network: torch.nn.Module) -> bool:
    """Whether a network takes pictures of other sizes than that it was built for; one with patches does not."""
    return not any(hasattr(module, "patch_embed") for module in network.modules())
