"""Several networks of one architecture as one: the mean of their features' directions.

Networks that learnt apart err in different places, so that their mean errs less (Hansen & Salamon, Neural network
ensembles, IEEE TPAMI 12:993, 1990).
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from reid_engine.encoder.looks import mean_direction

_PREFIX = "members."


class Ensemble(nn.Module):
    """Networks (B, 3, h, w) → (B, D) whose features, brought to unit length, are averaged.

    Parameters
    ----------
    members
        Two or more of timm's, of one architecture.
    """

    def __init__(self, members: Sequence[Any]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        self.num_features = int(members[0].num_features)
        self.pretrained_cfg: dict[str, Any] = members[0].pretrained_cfg

    def forward(self, inputs: Tensor) -> Tensor:
        """Give features (B, D) of inputs (B, 3, h, w)."""
        return mean_direction(*(member(inputs) for member in self.members))


def members_of(network: nn.Module) -> list[Any]:
    """Give the networks that features are averaged of; of a single one, itself."""
    return list(network.members) if isinstance(network, Ensemble) else [network]


def joined(states: Sequence[dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    """Give the state of an ensemble whose members have these states; of a single one, as it is."""
    if len(states) == 1:
        return dict(states[0])
    return {f"{_PREFIX}{number}.{key}": value for number, state in enumerate(states) for key, value in state.items()}


def parted(state: dict[str, torch.Tensor], count: int) -> tuple[list[dict[str, torch.Tensor]], list[str]]:
    """Give what an ensemble's state holds for each of its members, and the keys that are none's."""
    if count == 1:
        return [dict(state)], []
    parts: list[dict[str, torch.Tensor]] = [{} for _ in range(count)]
    over = []
    places = {str(number): part for number, part in enumerate(parts)}
    for key, value in state.items():
        number, _, own = key.removeprefix(_PREFIX).partition(".")
        if key.startswith(_PREFIX) and number in places:
            places[number][own] = value
        else:
            over.append(key)
    return parts, over
