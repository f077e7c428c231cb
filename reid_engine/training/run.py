"""A whole training: split, epochs, early stopping, and the folder of the encoder."""

import hashlib
import json
from collections.abc import Sequence
from contextlib import suppress
from copy import deepcopy
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from reid_engine.carried import carried_arrays
from reid_engine.cohort import Cohort
from reid_engine.encoder.ensemble import Ensemble, joined
from reid_engine.encoder.looks import takes_any_size
from reid_engine.encoder.model import find_device, load_network
from reid_engine.encoder.rounding import rounded, widened
from reid_engine.encoder.spec import EncoderSpec, Recipe
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
from reid_engine.training.course import Course, Outcome, finished_of
from reid_engine.training.files import load_checkpoint, put
from reid_engine.training.folder import CARD_NAME, CARD_TEXT_NAME, clear_drafts, look_at_folder
from reid_engine.training.learner import Learner, features_of, placed
from reid_engine.training.loss import look_at_loss
from reid_engine.training.pictures import Pictures, read_pictures, sample_groups
from reid_engine.training.rank import HeldOut, Ranks
from reid_engine.training.schedule import default_rate
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
        if base.branches or base.members > 1:
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
        judge = _Judge(pictures, split, recipe, place)
        key = _key(spec, settings, pictures, network)
        outcomes = _learn(network, spec, settings, judge, out, key, progress)
        return _finish(outcomes, judge, network, spec, settings, out, name=name, command=command, again=again)


def resize(spec: EncoderSpec, size: int | None) -> EncoderSpec:
    """Give the spec of the same network for another input size; None keeps it."""
    if size is None or spec.recipe is None or size == spec.recipe.size:
        return spec
    fixed = "img_size" in spec.options or spec.architecture.startswith("vit_")
    options = {**spec.options, "img_size": size} if fixed else spec.options
    return replace(spec, recipe=replace(spec.recipe, size=size), options=options)


class _Judge:
    """The parts of a cohort, and what the held-out ones say of a network.

    Parameters
    ----------
    pictures, split
        The cohort and its parts.
    recipe, device
        How often each picture is looked at, and where that is computed.
    """

    def __init__(self, pictures: Pictures, split: Split, recipe: Recipe, device: torch.device) -> None:
        self.pictures, self.split, self.recipe, self.device = pictures, split, recipe, device
        self.choosing = HeldOut(pictures, split.choosing)
        self.judging = HeldOut(pictures, split.judging)
        for held in (self.choosing, self.judging) if len(split.choosing) else (self.judging,):
            if not len(held.ranks(np.ones((len(held.rows), 1), dtype=np.float32)).hits):
                raise TrainingError(
                    "the held-out subjects have no two images that are not near-duplicates; add images of other visits"
                )

    def ranks(self, network: Any) -> Ranks:
        """Give the ranks, by a network that is placed, of the subjects that are judged."""
        return self.judging.ranks(self._features(network, self.split.judging))

    def fit_plda(self, network: Any) -> dict[str, CarriedPlda]:
        """Fit PLDA on the subjects that were not learnt from."""
        rows = np.sort(np.concatenate([self.split.choosing, self.split.judging]))
        return fit_by_modality(self.pictures, rows, self._features(network, rows))

    def _features(self, network: Any, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        return features_of(network, self.pictures, rows, self.recipe, self.device)


def _learn(
    network: Any,
    spec: EncoderSpec,
    settings: TrainingSettings,
    judge: _Judge,
    out: Path,
    key: str,
    progress: Progress,
) -> list[Outcome]:
    """Train the encoder's networks one after another, each from the base encoder's weights, or go on with that."""
    checkpoint = load_checkpoint(out, key)
    outcomes = finished_of(checkpoint)
    while len(outcomes) < settings.members:
        number = len(outcomes)
        learner = Learner(deepcopy(network), spec, settings, judge.pictures, judge.split.training, judge.device, number)
        batches = settings.epochs * learner.sampler.batches

        def tick(epoch: int, done: int, best: float | None, number: int = number, batches: int = batches) -> None:
            what = f"epoch {epoch + 1} of {settings.epochs}"
            if settings.members > 1:
                what = f"network {number + 1} of {settings.members}, {what}"
            if best is not None:
                what += f", held-out rank-1 so far {100 * best:.1f} %"
            progress(number * batches + done, settings.members * batches, what)

        course = Course(learner, judge.choosing, out, key, tuple(outcomes), checkpoint)
        outcomes.append(course.go_on(tick))
        checkpoint = None
    return outcomes


def _finish(
    outcomes: Sequence[Outcome],
    judge: _Judge,
    network: Any,
    spec: EncoderSpec,
    settings: TrainingSettings,
    out: Path,
    *,
    name: str,
    command: Sequence[str],
    again: Sequence[str],
) -> Trained:
    """Judge the encoder as it is stored and write it, its description last: a folder with that is whole."""
    from safetensors.numpy import save_file as save_arrays
    from safetensors.torch import save_file

    weights = rounded(joined([one.weights for one in outcomes]), settings.bits)
    weights_hash = hash_state(weights)
    whole = network if len(outcomes) == 1 else Ensemble([deepcopy(network) for _ in outcomes])
    whole = placed(whole, judge.device)
    before = judge.ranks(network if len(outcomes) == 1 else whole.members[0])
    whole.load_state_dict(widened(weights))
    judged = Judged(before, judge.ranks(whole), judge.judging.subjects, judge.judging.sessions)
    models = judge.fit_plda(whole)
    pictures, split = judge.pictures, judge.split
    learnt = learnt_prints(pictures, split.training)
    modalities = tuple(sorted({pictures.modalities[row] for row in split.training}))
    trained = replace(spec, name=trained_name(name, weights_hash), modalities=modalities, members=len(outcomes))
    card = make_card(
        spec=trained,
        base=spec,
        settings=settings,
        rate=settings.learning_rate or default_rate(spec.architecture),
        pictures=pictures,
        split=split,
        judged=judged,
        outcomes=outcomes,
        command=command,
        again=again,
        models=models,
    )
    trained = replace(trained, licence=card["licence"])
    out.mkdir(parents=True, exist_ok=True)
    put(out / WEIGHTS_NAME, lambda draft: save_file(weights, draft))
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


def _key(spec: EncoderSpec, settings: TrainingSettings, pictures: Pictures, network: Any) -> str:
    """Hash what fixes the result: images, subjects, weights, recipe and settings; paths are not in it."""
    digest = hashlib.sha256(np.ascontiguousarray(pictures.squares).data)
    facts = {
        "subjects": [sample.subject_id for sample in pictures.samples],
        "sessions": [sample.session_id for sample in pictures.samples],
        "modalities": pictures.modalities,
        "weights": hash_state(network.state_dict()),
        "architecture": spec.architecture,
        "options": dict(spec.options),
        "renormalise": spec.renormalise,
        "recipe": asdict(spec.recipe) if spec.recipe else None,
        "settings": settings.to_json(),
        "torch": torch.__version__,
    }
    digest.update(json.dumps(facts, sort_keys=True).encode())
    return digest.hexdigest()
