"""The network while it learns: one epoch, features, and its state."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from reid_engine.encoder.looks import look
from reid_engine.encoder.spec import EncoderSpec, Recipe
from reid_engine.errors import TrainingError
from reid_engine.training.augment import as_input, resize_squares, second_visit
from reid_engine.training.depthwise import take_over_depthwise
from reid_engine.training.loss import make_loss
from reid_engine.training.pictures import Pictures
from reid_engine.training.sampler import BatchSampler
from reid_engine.training.schedule import (
    STATISTICS_IMAGES,
    STATISTICS_OF,
    STATISTICS_UNTIL,
    default_rate,
    picture_size,
    rate_factor,
    unfreeze,
)
from reid_engine.training.settings import TrainingSettings

Ints = NDArray[np.int64]

FEATURES_AT_ONCE = 32
"""Squares that the network sees at a time when nothing is learnt."""

LARGEST_GRADIENT = 5.0
"""Norm to which a longer gradient is cut."""


class Learner:
    """A network, its optimiser and the images it learns from.

    Parameters
    ----------
    network
        As :func:`reid_engine.encoder.model.load_network` gives it; it is trained in place.
    spec
        Its architecture and recipe.
    settings
        What is asked for.
    pictures
        The cohort.
    rows
        (T,) the images to learn from.
    device
        Where it computes: gradients in bfloat16 where the card or the processor has that, features in float32.
    member
        Its number among the networks of its encoder, 0, 1, …, which gives it dice and, where there are several, a set
        of squares of its own.
    """

    def __init__(
        self,
        network: Any,
        spec: EncoderSpec,
        settings: TrainingSettings,
        pictures: Pictures,
        rows: Ints,
        device: torch.device,
        member: int = 0,
    ) -> None:
        if spec.recipe is None:
            raise ValueError("an encoder is trained for a recipe")
        self.member = member
        self.recipe = spec.recipe
        self.settings = settings
        self.pictures = pictures
        self.rows = rows
        self._learnt = np.flatnonzero(pictures.learnt[member % len(pictures.learnt)])
        self._learnt_starts = np.searchsorted(self._learnt, pictures.starts)
        self.device = device
        self.network = placed(network, device)
        self.rate = settings.learning_rate or default_rate(spec.architecture)
        self.optimiser = torch.optim.AdamW(self.network.parameters(), lr=self.rate, weight_decay=settings.weight_decay)
        self._subjects = _codes([pictures.samples[row].subject_id for row in rows])
        groups = _codes([pictures.groups[row] for row in rows])
        self.sampler = BatchSampler(self._subjects, groups, per_batch=settings.subjects, images=settings.images)
        self._loss = make_loss(settings.loss)

    def learn(self, epoch: int, tick: Callable[[int], None]) -> float:
        """Go through epoch 0, 1, … and give its mean loss; all chance comes from the seed and the epoch's number.

        Parameters
        ----------
        epoch
            Its number.
        tick
            Called after each batch with the batches done.

        Raises
        ------
        TrainingError
            The loss is no longer a number.
        """
        rng = np.random.default_rng([self.settings.seed, epoch, *([self.member] if self.member else [])])
        settings = self.settings
        size = picture_size(epoch, settings.epochs, settings.train_size, settings.late_size)
        large = self.sampler.smallest >= STATISTICS_IMAGES and len(self.rows) >= STATISTICS_OF
        follow = large and epoch < STATISTICS_UNTIL * settings.epochs
        all_stages = epoch >= settings.frozen_epochs
        unfreeze(self.network, all_stages=all_stages, statistics=follow, kept=settings.kept_stages)
        total = 0.0
        with torch.random.fork_rng(devices=[self.device] if self.device.type == "cuda" else []):
            torch.manual_seed(int(rng.integers(2**62)))
            for done, places in enumerate(self.sampler.epoch(rng)):
                self._set_rate(epoch * self.sampler.batches + done)
                total += self._step(places, size, rng)
                tick(done + 1)
        return total / self.sampler.batches

    def _step(self, places: Ints, size: int | None, rng: np.random.Generator) -> float:
        squares = resize_squares(self.pictures.squares[self._choose(places, rng)], size)
        inputs = as_input(second_visit(squares, rng).to(self.device), self.recipe)
        with self._mixed():
            features = self.network(_laid_out(inputs))
        loss = self._loss(features.float(), torch.from_numpy(self._subjects[places]).to(self.device))
        value = float(loss.detach())
        if not np.isfinite(value):
            raise TrainingError("the loss is no longer a number; try again with a smaller --learning-rate")
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), LARGEST_GRADIENT)
        self.optimiser.step()
        return value

    def _choose(self, places: Ints, rng: np.random.Generator) -> Ints:
        """Choose one square of each image: of tiles and slices, those at the same place in all of them."""
        rows = self.rows[places]
        first, counts = self._learnt_starts[rows], np.diff(self._learnt_starts)[rows]
        chosen: Ints = self._learnt[first + (rng.random() * counts).astype(np.int64)]
        return chosen

    def _set_rate(self, step: int) -> None:
        factor = rate_factor(step, self.settings.epochs * self.sampler.batches)
        for group in self.optimiser.param_groups:
            group["lr"] = self.rate * factor

    def features(self, rows: Ints) -> NDArray[np.float32]:
        """Give raw features (R, D) of images by the network as it is; see :func:`features_of`."""
        return features_of(self.network, self.pictures, rows, self.recipe, self.device)

    def weights(self) -> dict[str, torch.Tensor]:
        """Give a copy of the network's state on the CPU."""
        return {
            name: value.detach().to("cpu", copy=True).contiguous() for name, value in self.network.state_dict().items()
        }

    def state(self) -> dict[str, Any]:
        """Give all that a later epoch depends on."""
        return {"network": self.weights(), "optimiser": self.optimiser.state_dict()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back what :meth:`state` gave."""
        self.network.load_state_dict(state["network"])
        self.optimiser.load_state_dict(state["optimiser"])

    def _mixed(self) -> AbstractContextManager[Any]:
        """Compute in bfloat16 where the device has it; its range needs no scaling of the loss."""
        if self.device.type == "cuda":
            fit = torch.cuda.is_bf16_supported(including_emulation=False)
        else:
            fit = self.device.type == "cpu" and torch.cpu._is_avx512_bf16_supported()
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=fit)


def placed(network: Any, device: torch.device) -> Any:
    """Move a network to where it learns or is judged, in place; on the CPU, laid out for that."""
    network = network.to(device)
    if device.type == "cpu":
        take_over_depthwise(network)
        network = network.to(memory_format=torch.channels_last)
    return network


def features_of(
    network: torch.nn.Module, pictures: Pictures, rows: Ints, recipe: Recipe, device: torch.device
) -> NDArray[np.float32]:
    """Give raw features (R, D) of images as an encoder would: unchanged pictures, the mean over their squares.

    Parameters
    ----------
    network
        As :func:`placed` gives it.
    pictures, rows
        The cohort, and which of its images (R,).
    recipe, device
        How often each square is looked at, and where that is computed.
    """
    network.eval()
    found = []
    looked = np.flatnonzero(pictures.looked)
    starts = np.searchsorted(looked, pictures.starts)
    places = np.concatenate([looked[starts[row] : starts[row + 1]] for row in rows])
    with torch.inference_mode():
        for start in range(0, len(places), FEATURES_AT_ONCE):
            values = torch.from_numpy(pictures.squares[places[start : start + FEATURES_AT_ONCE]])
            inputs = as_input(values.to(device).float() / 255, recipe)
            found.append(look(network, _laid_out(inputs), recipe).float().cpu().numpy())
    counts = np.diff(starts)[rows]
    sums = np.add.reduceat(np.concatenate(found), np.cumsum(counts) - counts, axis=0)
    return np.asarray(sums / counts[:, None], dtype=np.float32)


def _laid_out(inputs: torch.Tensor) -> torch.Tensor:
    layout = torch.channels_last if inputs.device.type == "cpu" else torch.contiguous_format
    return inputs.contiguous(memory_format=layout)


def _codes(names: list[str]) -> Ints:
    codes: Ints = np.unique(np.array(names, dtype=str), return_inverse=True)[1].astype(np.int64)
    return codes
