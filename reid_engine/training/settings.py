"""What a training is asked to do."""

from dataclasses import asdict, dataclass
from typing import Any

LOSSES = ("multi-similarity", "supcon", "ntxent", "circle", "triplet")
"""Losses by name, the default first; see :mod:`reid_engine.training.loss`."""


@dataclass(frozen=True)
class TrainingSettings:
    """Settings that fix the result together with the cohort and the base encoder.

    Parameters
    ----------
    loss
        One of :data:`LOSSES`.
    epochs
        Passes over the training images, at most.
    patience
        Epochs without a better held-out rank-1 after which training ends.
    frozen_epochs
        Epochs at the start in which only the last third of the network's stages is trained.
    subjects, images
        Subjects in a batch, and images of each.
    learning_rate
        Highest rate of AdamW; None takes 3e-4, for vision transformers 3e-5.
    weight_decay
        Of AdamW.
    seed
        Of the split, the batches and the augmentation.
    """

    loss: str = LOSSES[0]
    epochs: int = 20
    patience: int = 6
    frozen_epochs: int = 2
    subjects: int = 16
    images: int = 4
    learning_rate: float | None = None
    weight_decay: float = 1e-4
    seed: int = 0

    def to_json(self) -> dict[str, Any]:
        """Give them by name."""
        return asdict(self)
