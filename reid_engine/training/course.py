"""The epochs of one network, from the start or from where a process was killed."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from reid_engine.training.files import save_checkpoint
from reid_engine.training.learner import Learner
from reid_engine.training.rank import HeldOut

Row = dict[str, float | int | None]


@dataclass(frozen=True)
class Outcome:
    """A network that has learnt.

    Attributes
    ----------
    weights
        Of the epoch that is kept, in 32 bits, on the CPU.
    best_epoch
        Which one that is; 0 is the base encoder's.
    history
        One row an epoch, the first before training.
    """

    weights: dict[str, torch.Tensor]
    best_epoch: int
    history: tuple[Row, ...]

    def plain(self) -> dict[str, Any]:
        """Give it as tensors and plain values, for a checkpoint."""
        return {"best": self.weights, "best_epoch": self.best_epoch, "history": json.dumps(self.history)}

    @classmethod
    def of(cls, held: Mapping[str, Any]) -> "Outcome":
        """Take back what :meth:`plain` gave."""
        return cls(held["best"], int(held["best_epoch"]), tuple(json.loads(held["history"])))


def finished_of(checkpoint: Mapping[str, Any] | None) -> list[Outcome]:
    """Give the networks that had learnt before the one that a checkpoint is in the middle of."""
    return [] if checkpoint is None else [Outcome.of(one) for one in checkpoint["finished"]]


class Course:
    """Epoch after epoch, with a checkpoint after each.

    Parameters
    ----------
    learner
        With the base encoder's weights, from which every network starts.
    choosing
        The subjects that decide which epoch is kept.
    out, key
        Where the checkpoint lies, and what says what is trained on what.
    finished
        The encoder's networks that have learnt before.
    checkpoint
        Where this one is to go on.
    """

    def __init__(
        self,
        learner: Learner,
        choosing: HeldOut,
        out: Path,
        key: str,
        finished: Sequence[Outcome] = (),
        checkpoint: Mapping[str, Any] | None = None,
    ) -> None:
        self.learner = learner
        self.choosing = choosing
        self.out = out
        self.key = key
        self.finished = finished
        if checkpoint is None:
            start = finished[0].history[0] if finished else {"epoch": 0, "loss": None, **self._look()}
            self.history: list[Row] = [start]
            self.best_epoch, self.best = 0, learner.weights()
        else:
            learner.restore(checkpoint)
            held = Outcome.of(checkpoint)
            self.history, self.best_epoch, self.best = list(held.history), held.best_epoch, held.weights

    def go_on(self, tick: Callable[[int, int, float | None], None]) -> Outcome:
        """Train until the epochs are over or held-out rank-1 no longer rises.

        Parameters
        ----------
        tick
            Called after each batch with the epoch, the batches done in all of them, and the best rank-1 so far; None
            where no epoch is chosen.
        """
        self.out.mkdir(parents=True, exist_ok=True)
        settings, batches = self.learner.settings, self.learner.sampler.batches
        while len(self.history) <= settings.epochs and not self._is_over():
            epoch = len(self.history) - 1
            best = self._merit(self.best_epoch)[0] if settings.choosing else None
            loss = self.learner.learn(epoch, lambda n: tick(epoch, epoch * batches + n, best))  # noqa: B023
            self.history.append({"epoch": epoch + 1, "loss": loss, **self._look()})
            if not settings.choosing or self._merit(epoch + 1) > self._merit(self.best_epoch):
                self.best_epoch, self.best = epoch + 1, self.learner.weights()
            self._save()
        return self._outcome()

    def _outcome(self) -> Outcome:
        return Outcome(self.best, self.best_epoch, tuple(self.history))

    def _look(self) -> Row:
        """Give what the choosing subjects say of the network as it is; nothing where there are none."""
        if not self.learner.settings.choosing:
            return {"rank_1": None, "margin": None}
        rank_1, margin = self.choosing.ranks(self.learner.features(self.choosing.rows)).merit
        return {"rank_1": rank_1, "margin": margin}

    def _is_over(self) -> bool:
        settings = self.learner.settings
        return settings.choosing and len(self.history) - 1 - self.best_epoch >= settings.patience

    def _merit(self, epoch: int) -> tuple[float, float]:
        row = self.history[epoch]
        return float(row["rank_1"] or 0.0), float(row["margin"] or 0.0)

    def _save(self) -> None:
        finished = [one.plain() for one in self.finished]
        state = self.learner.state() | self._outcome().plain() | {"finished": finished}
        save_checkpoint(self.out, self.key, state)
