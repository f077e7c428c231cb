"""Losses of pytorch-metric-learning, by name."""

import importlib.util
from typing import Any

from reid_engine.errors import TrainingError
from reid_engine.training.settings import LOSSES

_SETTINGS: dict[str, tuple[str, dict[str, float]]] = {
    "supcon": ("SupConLoss", {"temperature": 0.05}),
    "multi-similarity": ("MultiSimilarityLoss", {"alpha": 2.0, "beta": 50.0, "base": 0.5}),
    "ntxent": ("NTXentLoss", {"temperature": 0.1}),
    "circle": ("CircleLoss", {"m": 0.25, "gamma": 64.0}),
    "triplet": ("TripletMarginLoss", {"margin": 0.1}),
}
"""Class and arguments of each loss, all on cosine similarities but the triplets' distances.

They are those of the papers, but supcon's temperature: half of its paper's 0.1 was better here (docs/training.md).
"""


def look_at_loss(name: str) -> None:
    """Refuse a loss that is unknown, or whose package is not installed; imports nothing.

    Raises
    ------
    TrainingError
        Says which losses there are, or what to install.
    """
    if name not in LOSSES:
        raise TrainingError(f"no loss is called {name!r}; there are {', '.join(LOSSES)}")
    if importlib.util.find_spec("pytorch_metric_learning") is None:
        raise TrainingError("training needs pytorch-metric-learning; install it with: pip install reid-engine[train]")


def make_loss(name: str) -> Any:
    """Give a loss that takes features (B, D) and subject numbers (B,); it normalises the features itself."""
    look_at_loss(name)
    from pytorch_metric_learning import losses

    kind, arguments = _SETTINGS[name]
    return getattr(losses, kind)(**arguments)
