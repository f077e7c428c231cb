"""What a training is asked to do."""

from dataclasses import asdict, dataclass
from typing import Any

from reid_engine.encoder.spec import MOST_MEMBERS

LOSSES = ("multi-similarity", "supcon", "ntxent", "circle", "triplet")
"""Losses by name, the default first; see :mod:`reid_engine.training.loss`."""

BITS = (32, 16, 8)
"""Bits that a weight may have in the encoder's file."""


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
        Epochs without a better held-out rank-1 after which training ends; of no account where no epoch is chosen.
    frozen_epochs
        Epochs at the start in which only the last third of the network's stages is trained.
    kept_stages
        First stages of the network that are never trained: what they see is the same in all pictures, and their
        gradients, at the highest resolution, cost most.
    subjects, images
        Subjects in a batch, and images of each.
    learning_rate
        Highest rate of AdamW; None takes 3e-4, for vision transformers 3e-5.
    weight_decay
        Of AdamW.
    seed
        Of the split, the batches and the augmentation.
    fold
        Which fifth of the subjects is judged, 0 to 4.
    choosing
        Whether a further fifth decides which epoch is kept; otherwise it is trained on, and the last epoch is kept.
    train_size
        Side of the pictures while it learns, in pixels; None takes that of the encoder. Smaller ones save time, and a
        network sees more in pictures that are somewhat larger than those it learnt from (Touvron et al., Fixing the
        train-test resolution discrepancy, NeurIPS 2019).
    late_size
        The same for the last three tenths of the epochs; None takes `train_size`.
    bits
        To which the weights are rounded before they are judged and stored, see :mod:`reid_engine.encoder.rounding`.
    members
        Networks that are trained one after another, whose features the encoder averages
        (:mod:`reid_engine.encoder.ensemble`). They differ by chance; where the parts that are looked at overlap, every
        second one learns from those, the others from parts side by side.

    Raises
    ------
    ValueError
        `bits` or `members` is none of those.
    """

    loss: str = LOSSES[0]
    epochs: int = 20
    patience: int = 6
    frozen_epochs: int = 2
    kept_stages: int = 0
    subjects: int = 16
    images: int = 4
    learning_rate: float | None = None
    weight_decay: float = 1e-4
    seed: int = 0
    fold: int = 0
    choosing: bool = True
    train_size: int | None = None
    late_size: int | None = None
    bits: int = 32
    members: int = 1

    def __post_init__(self) -> None:
        if self.bits not in BITS:
            raise ValueError(f"weights are stored in {', '.join(map(str, BITS))} bits, not in {self.bits}")
        if not 1 <= self.members <= MOST_MEMBERS:
            raise ValueError(f"an encoder has 1 to {MOST_MEMBERS} networks, not {self.members}")

    def to_json(self) -> dict[str, Any]:
        """Give them by name."""
        return asdict(self)
