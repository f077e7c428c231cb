"""Two looks at one picture, at two sizes, whose features are averaged."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional


def shrink(inputs: Tensor, size: int) -> Tensor:
    """Give inputs (B, 3, h, w) with sides of `size` pixels, averaging where they shrink."""
    return functional.interpolate(inputs, size=(size, size), mode="bilinear", antialias=True, align_corners=False)


def mean_direction(first: Tensor, second: Tensor) -> Tensor:
    """Give the mean (B, D) of features that were brought to unit length."""
    return (functional.normalize(first.float()) + functional.normalize(second.float())) / 2


def look_twice(network: Callable[[Tensor], Tensor], inputs: Tensor, second_size: int | None) -> Tensor:
    """Give features (B, D) of inputs (B, 3, h, w): of one look where there is no second size."""
    first = network(inputs)
    return first if second_size is None else mean_direction(first, network(shrink(inputs, second_size)))


def takes_any_size(network: torch.nn.Module) -> bool:
    """Whether a network takes pictures of other sizes than that it was built for; one with patches does not."""
    return not hasattr(network, "patch_embed")
