"""What a network sees half-way: what kind of picture it is, and hardly whose.

An embedding that was trained to tell people apart overlooks what else is in a picture, so that a stranger of an image
can pass for one of the gallery's. Half-way the network still knows: distances in intermediate features tell strangers
(Lee et al., NeurIPS 2018).
"""

import threading
from typing import Any

import torch
from torch import Tensor, nn

from reid_engine.encoder.ensemble import members_of
from reid_engine.encoder.looks import further_looks, mean_direction


class WatchedNetwork:
    """A timm network that can give, after its features, the mean of each channel of its two middle stages.

    May be called by several threads.

    Parameters
    ----------
    network
        Takes (B, 3, h, w), gives (B, D).
    half_way
        Side of the input with which the stages are found; None where nobody looks at them, and the features are all.
    second_size, mirror
        Side of a second look, if there is one, and whether there are looks in a mirror: see
        :mod:`reid_engine.encoder.looks`.
    """

    def __init__(
        self,
        network: nn.Module,
        *,
        half_way: int | None = None,
        second_size: int | None = None,
        mirror: bool = False,
    ) -> None:
        self.network = network
        self.second_size, self.mirror = second_size, mirror
        self.width = 0
        """Channels A of the middle stages; 0 where nobody looks, or the network's stages cannot be told."""
        self._seen = threading.local()
        self._seen.means = []
        if half_way is not None:
            for stage in _middle_stages(network):
                stage.register_forward_hook(self._look)
            like = next(network.parameters(), torch.empty(0))
            with torch.inference_mode():
                network(torch.zeros(1, 3, half_way, half_way, dtype=like.dtype, device=like.device))
            self.width = sum(mean.shape[1] for mean in self._taken())

    def __call__(self, inputs: Tensor) -> Tensor:
        """Give features and appearance (B, D + A) of inputs (B, 3, h, w)."""
        self._seen.means = []
        features: Tensor = self.network(inputs).float()
        means = self._taken()
        further = further_looks(inputs, self.second_size, self.mirror)
        features = mean_direction(features, *(self.network(one) for one in further))
        return torch.cat([features, *means], dim=1) if means else features

    def _look(self, module: nn.Module, inputs: Any, output: Tensor) -> None:
        square = output.ndim == 4 and output.shape[2] == output.shape[3]  # else tokens, or channels last
        mean = output.mean(dim=(2, 3)) if square else output.flatten(1, -2).mean(dim=1)
        if hasattr(self._seen, "means"):  # not for who asks the network itself, in a thread of their own
            self._seen.means.append(mean.float())

    def _taken(self) -> list[Tensor]:
        means: list[Tensor] = self._seen.means
        self._seen.means = []
        return means


def _middle_stages(network: nn.Module) -> list[nn.Module]:
    """Give the two stages in the middle of a network, of an ensemble's first; none where stages cannot be told."""
    network = members_of(network)[0]
    for name in ("blocks", "stages"):
        held = getattr(network, name, None)
        if isinstance(held, nn.Sequential | nn.ModuleList) and len(held) > 1:
            return list(held)[len(held) // 2 - 1 : len(held) // 2 + 1]
    told: Any = getattr(network, "feature_info", None)
    names = [str(one["module"]) for one in getattr(told, "info", told) or ()]
    modules = dict(network.named_modules())
    stages = [modules[name] for name in names if name in modules]
    return stages[len(stages) // 2 - 1 : len(stages) // 2 + 1] if len(stages) > 1 else []
