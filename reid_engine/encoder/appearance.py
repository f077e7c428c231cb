"""What a network sees half-way: what kind of picture it is, and hardly whose.

An embedding that was trained to tell people apart overlooks what else is in a picture, so that a stranger of an image
can pass for one of the gallery's. Half-way the network still knows: distances in intermediate features tell strangers
(Lee et al., NeurIPS 2018).
"""

import threading
from typing import Any

import torch
from torch import Tensor, nn

from reid_engine.encoder.looks import mean_direction, shrink


class WatchedNetwork:
    """A timm network that can give, after its features, the mean of each channel of its middle stage.

    May be called by several threads.

    Parameters
    ----------
    network
        Takes (B, 3, h, w), gives (B, D).
    half_way
        Whether to look; else the features are all.
    second_size
        Side of the second look, if there is one: see :mod:`reid_engine.encoder.looks`.
    """

    def __init__(self, network: nn.Module, *, half_way: bool = True, second_size: int | None = None) -> None:
        self.network = network
        self.second_size = second_size
        self.width = 0
        """Channels A of the middle stage; 0 where nobody looks, or timm does not tell the network's stages."""
        self._seen = threading.local()
        stage = _middle_stage(network) if half_way else None
        if stage is not None:
            name, self.width = stage
            network.get_submodule(name).register_forward_hook(self._look)

    def __call__(self, inputs: Tensor) -> Tensor:
        """Give features and appearance (B, D + A) of inputs (B, 3, h, w)."""
        features: Tensor = self.network(inputs).float()
        appearance, self._seen.value = getattr(self._seen, "value", None), None
        if self.second_size is not None:
            features = mean_direction(features, self.network(shrink(inputs, self.second_size)))
        return features if appearance is None else torch.cat([features, appearance.float()], dim=1)

    def _look(self, module: nn.Module, inputs: Any, output: Tensor) -> None:
        if output.ndim == 4 and output.shape[1] == self.width:
            self._seen.value = output.mean(dim=(2, 3))
        else:  # tokens, or channels last
            self._seen.value = output.flatten(1, -2).mean(dim=1)


def _middle_stage(network: Any) -> tuple[str, int] | None:
    """Give name and channels of the stage in the middle of those that timm names."""
    told = getattr(network, "feature_info", None)
    stages = list(getattr(told, "info", told) or ())
    if not stages:
        return None
    middle = stages[len(stages) // 2]
    name = str(middle["module"])
    return (name, int(middle["num_chs"])) if name in dict(network.named_modules()) else None
