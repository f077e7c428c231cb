"""A whole training: split, epochs, early stopping, and the folder of the encoder."""

import hashlib
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from reid_engine.carried import carried_arrays
from reid_engine.cohort import Cohort
from reid_engine.encoder.looks import takes_any_size
from reid_engine.encoder.model import find_device, load_network
from reid_engine.encoder.spec import EncoderSpec
from reid_engine.encoder.stream import Refused
from reid_engine.encoder.trained import (
    CHECKPOINT_NAME,
    DESCRIPTION_NAME,
    LEARNT_NAME,
    PLDA_NAME,
    WEIGHTS_NAME,
    describe_trained,
    read_trained,
    trained_name,
)
from reid_engine.encoder.weights import hash_state
from reid_engine.errors import TrainingError
from reid_engine.matcher.carried_plda import CarriedPlda
from reid_engine.private_folder import held_alone
from reid_engine.progress import Progress, silent
from reid_engine.training.card import Judged, make_card, render_card
from reid_engine.training.carrying import fit_by_modality, learnt_prints
from reid_engine.training.files import load_checkpoint, put, save_checkpoint
from reid_engine.training.folder import CARD_NAME, CARD_TEXT_NAME, clear_drafts, look_at_folder
from reid_engine.training.learner import Learner
from reid_engine.training.loss import look_at_loss
from reid_engine.training.pictures import Pictures, read_pictures, sample_groups
from reid_engine.training.rank import HeldOut
from reid_engine.training.settings import TrainingSettings
from reid_engine.training.split import Split, split_subjects


@dataclass(frozen=True)
class Trained:
    """What came out of a training.

    Attributes
    ----------
    spec
        The encoder in its folder.
    card
        What was measured; see :func:`reid_engine.training.card.make_card`.
    refused
        Images that could not be read.
    """

    spec: EncoderSpec
    card: dict[str, Any]
    refused: tuple[Refused, ...]


def train(
    cohort: Cohort,
    base: EncoderSpec,
    out: Path,
    settings: TrainingSettings | None = None,
    *,
    name: str,
    size: int | None = None,
    second_size: int | None = None,
    whole: bool = False,
    mirror: bool = False,
    tile_step: float | None = None,
    weights: Path | None = None,
    device: str | None = None,
    command: Sequence[str] = (),
    again: Sequence[str] = (),
    progress: Progress = silent,
) -> Trained:
    """Train an encoder on a cohort; stopped half-way, the same call goes on after the last whole epoch.

    Parameters
    ----------
    cohort
        At least :data:`reid_engine.training.split.FEWEST_SUBJECTS` subjects with two images of one modality.
    base
        The encoder to start from.
    out
        Folder for the encoder; new, empty, or that of a training which was stopped.
    settings
        Defaults when left out.
    name
        What the encoder is called; the hash of its weights is added.
    size, second_size
        Side of the input in pixels, where it is not to be the base encoder's; and side of a second look, with which
        the encoder is judged and used, not trained.
    whole, mirror, tile_step
        Whether long pictures, which are cut into tiles, are looked at as a whole too, and all pictures in a mirror, and
        how the tiles lie, see :class:`reid_engine.encoder.spec.Recipe`; judged and used so, not trained.
    weights
        The base encoder's weights from a local file.
    device
        As for :func:`reid_engine.encoder.load_encoder`.
    command, again
        What the user typed, and what to type to judge the encoder again, for the card.
    progress
        Called with (done, all, what happens).

    Raises
    ------
    TrainingError
        There are too few subjects, the folder holds something else or another training writes to it, or a package is
        missing.
    EncoderError
        The base encoder cannot be loaded.
    """
    settings = settings or TrainingSettings()
    with held_alone("train", out) as alone:
        if not alone:
            raise TrainingError(f"{out}: another training writes to this folder; wait for it, or give another one")
        look_at_loss(settings.loss)
        look_at_folder(out)
        clear_drafts(out)
        split_subjects([sample.subject_id for sample in cohort.samples], sample_groups(cohort.samples))
        if base.branches:
            raise TrainingError(f"{base.name}: is several networks in one; start from another encoder")
        place = find_device(device)
        spec = resize(base, size)
        network, _ = load_network(spec, weights=weights)
        if second_size is not None and not takes_any_size(network):
            raise TrainingError(f"{spec.name}: takes pictures of one size alone; leave --second-size out")
        spec = replace(spec, dim=int(network.num_features))
        if spec.recipe is None:
            raise TrainingError(f"{spec.name}: its input is not known; choose another encoder")
        recipe = replace(
            spec.recipe,
            second_size=second_size or spec.recipe.second_size,
            whole=whole or spec.recipe.whole,
            mirror=mirror or spec.recipe.mirror,
            tile_step=tile_step or spec.recipe.tile_step,
        )
        spec = replace(spec, recipe=recipe)
        pictures = read_pictures(cohort.samples, recipe, progress)
        split = split_subjects(
            [one.subject_id for one in pictures.samples],
            pictures.groups,
            settings.seed,
            fold=settings.fold,
            choosing=settings.choosing,
        )
        learner = Learner(network, spec, settings, pictures, split.training, place)
        course = _Course(learner, split, out, _key(spec, settings, pictures, learner))
        course.go_on(progress)
        return _finish(course, spec, out, name=name, command=command, again=again)


def resize(spec: EncoderSpec, size: int | None) -> EncoderSpec:
    """Give the spec of the same network for another input size; None keeps it."""
    if size is None or spec.recipe is None or size == spec.recipe.size:
        return spec
    fixed = "img_size" in spec.options or spec.architecture.startswith("vit_")
    options = {**spec.options, "img_size": size} if fixed else spec.options
    return replace(spec, recipe=replace(spec.recipe, size=size), options=options)


class _Course:
    """The epochs, from the start or from where a process was killed.

    Parameters
    ----------
    learner
        With the base encoder's weights.
    split
        The parts of its pictures.
    out
        Where the checkpoint lies.
    key
        Says what is trained on what.
    """

    def __init__(self, learner: Learner, split: Split, out: Path, key: str) -> None:
        self.learner = learner
        self.split = split
        self.out = out
        self.key = key
        self.choosing = HeldOut(learner.pictures, split.choosing)
        self.judging = HeldOut(learner.pictures, split.judging)
        for held in (self.choosing, self.judging) if learner.settings.choosing else (self.judging,):
            if not len(held.ranks(np.ones((len(held.rows), 1), dtype=np.float32)).hits):
                raise TrainingError(
                    "the held-out subjects have no two images that are not near-duplicates; add images of other visits"
                )
        self.before = self.judging.ranks(learner.features(split.judging))
        self.history: list[dict[str, float | int | None]] = [{"epoch": 0, "loss": None, **self._look()}]
        self.best_epoch = 0
        self.best = learner.weights()

    def go_on(self, progress: Progress) -> None:
        """Train until the epochs are over or held-out rank-1 no longer rises."""
        held = load_checkpoint(self.out, self.key)
        if held is not None:
            self.learner.restore(held)
            self.history = json.loads(held["history"])
            self.best_epoch, self.best = int(held["best_epoch"]), held["best"]
        self.out.mkdir(parents=True, exist_ok=True)
        settings, batches = self.learner.settings, self.learner.sampler.batches
        while len(self.history) <= settings.epochs and not self._is_over():
            epoch = len(self.history) - 1
            what = f"epoch {epoch + 1} of {settings.epochs}"
            if settings.choosing:
                what += f", held-out rank-1 so far {100 * self._merit(self.best_epoch)[0]:.1f} %"
            done = epoch * batches
            loss = self.learner.learn(epoch, lambda n: progress(done + n, settings.epochs * batches, what))  # noqa: B023
            self.history.append({"epoch": epoch + 1, "loss": loss, **self._look()})
            if not settings.choosing or self._merit(epoch + 1) > self._merit(self.best_epoch):
                self.best_epoch, self.best = epoch + 1, self.learner.weights()
            self._save()

    def _look(self) -> dict[str, float | None]:
        """Give what the choosing subjects say of the network as it is; nothing where there are none."""
        if not self.learner.settings.choosing:
            return {"rank_1": None, "margin": None}
        rank_1, margin = self.choosing.ranks(self.learner.features(self.split.choosing)).merit
        return {"rank_1": rank_1, "margin": margin}

    def _is_over(self) -> bool:
        settings = self.learner.settings
        return settings.choosing and len(self.history) - 1 - self.best_epoch >= settings.patience

    def _merit(self, epoch: int) -> tuple[float, float]:
        row = self.history[epoch]
        return float(row["rank_1"] or 0.0), float(row["margin"] or 0.0)

    def _save(self) -> None:
        state = self.learner.state()
        state |= {"history": json.dumps(self.history), "best_epoch": self.best_epoch, "best": self.best}
        save_checkpoint(self.out, self.key, state)

    def judge(self) -> Judged:
        """Load the best epoch and look at the subjects that nothing has looked at since the start."""
        if self.learner.settings.half:
            self.best = {key: value.half() if value.is_floating_point() else value for key, value in self.best.items()}
        self.learner.network.load_state_dict(self.best)
        after = self.judging.ranks(self.learner.features(self.split.judging))
        return Judged(self.before, after, self.judging.subjects, self.judging.sessions)

    def fit_plda(self) -> dict[str, CarriedPlda]:
        """Fit PLDA on the subjects that were not learnt from; after :meth:`judge`."""
        rows = np.sort(np.concatenate([self.split.choosing, self.split.judging]))
        return fit_by_modality(self.learner.pictures, rows, self.learner.features(rows))


def _finish(
    course: _Course, spec: EncoderSpec, out: Path, *, name: str, command: Sequence[str], again: Sequence[str]
) -> Trained:
    """Write the encoder, its description last: a folder with that is whole."""
    from safetensors.numpy import save_file as save_arrays
    from safetensors.torch import save_file

    judged = course.judge()
    models = course.fit_plda()
    learnt = learnt_prints(course.learner.pictures, course.split.training)
    pictures, weights_hash = course.learner.pictures, hash_state(course.best)
    modalities = tuple(sorted({pictures.modalities[row] for row in course.split.training}))
    trained = replace(spec, name=trained_name(name, weights_hash), modalities=modalities)
    card = make_card(
        spec=trained,
        base=spec,
        settings=course.learner.settings,
        rate=course.learner.rate,
        pictures=pictures,
        split=course.split,
        judged=judged,
        history=course.history,
        best_epoch=course.best_epoch,
        command=command,
        again=again,
        models=models,
    )
    trained = replace(trained, licence=card["licence"])
    out.mkdir(parents=True, exist_ok=True)
    put(out / WEIGHTS_NAME, lambda draft: save_file(course.best, draft))
    put(out / LEARNT_NAME, lambda draft: save_arrays({"prints": learnt}, draft))
    if models:
        put(out / PLDA_NAME, lambda draft: save_arrays(carried_arrays(models), draft))
    put(out / CARD_NAME, lambda draft: draft.write_text(_json(card), encoding="utf-8"))
    put(out / CARD_TEXT_NAME, lambda draft: draft.write_text(render_card(card), encoding="utf-8"))
    description = describe_trained(trained, spec.name, weights_hash)
    put(out / DESCRIPTION_NAME, lambda draft: draft.write_text(_json(description), encoding="utf-8"))
    with suppress(OSError):
        (out / CHECKPOINT_NAME).unlink(missing_ok=True)
    return Trained(read_trained(out), card, pictures.refused)


def _json(document: dict[str, Any]) -> str:
    return json.dumps(document, allow_nan=False, indent=2) + "\n"


def _key(spec: EncoderSpec, settings: TrainingSettings, pictures: Pictures, learner: Learner) -> str:
    """Hash what fixes the result: images, subjects, weights, recipe and settings; paths are not in it."""
    digest = hashlib.sha256(np.ascontiguousarray(pictures.squares).data)
    facts = {
        "subjects": [sample.subject_id for sample in pictures.samples],
        "sessions": [sample.session_id for sample in pictures.samples],
        "modalities": pictures.modalities,
        "weights": hash_state(learner.weights()),
        "architecture": spec.architecture,
        "options": dict(spec.options),
        "renormalise": spec.renormalise,
        "recipe": asdict(spec.recipe) if spec.recipe else None,
        "settings": settings.to_json(),
        "torch": torch.__version__,
    }
    digest.update(json.dumps(facts, sort_keys=True).encode())
    return digest.hexdigest()
