"""The subjects of a cohort that a trained encoder has not seen, dealt again as its training dealt them."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from reid_engine.cohort import Cohort
from reid_engine.encoder.spec import EncoderSpec, FolderWeights
from reid_engine.errors import TrainingError
from reid_engine.training.folder import CARD_NAME
from reid_engine.training.pictures import sample_groups
from reid_engine.training.split import split_subjects


def subjects_digest(subjects: Iterable[str]) -> str:
    """Give the SHA-256 (hex) of a set of subject ids, from which none of them can be read."""
    return hashlib.sha256("\0".join(sorted(set(subjects))).encode()).hexdigest()


def unseen_part(cohort: Cohort, spec: EncoderSpec) -> Cohort:
    """Give the images of a cohort whose subjects the encoder's training judged and did not learn from.

    Parameters
    ----------
    cohort
        The one that it was trained on.
    spec
        A trained encoder.

    Raises
    ------
    TrainingError
        It was not trained by ``reid-engine train``, or on another cohort.
    """
    told = _card(spec).get("split")
    kinds = {"seed": int, "fold": int, "choosing": bool, "judged": str}
    if not isinstance(told, dict) or any(type(told.get(name)) is not kind for name, kind in kinds.items()):
        raise TrainingError(f"{spec.name}: its card does not say which subjects it has seen; train it again")
    subjects = [sample.subject_id for sample in cohort.samples]
    split = split_subjects(
        subjects, sample_groups(cohort.samples), told["seed"], fold=told["fold"], choosing=told["choosing"]
    )
    samples = tuple(cohort.samples[row] for row in split.judging)
    if subjects_digest(sample.subject_id for sample in samples) != told["judged"]:
        raise TrainingError(
            f"{spec.name}: was trained on another cohort than this one, so nobody can tell here whom it has seen; "
            "give that cohort, with the --where of its card's command"
        )
    return replace(cohort, samples=samples)


def _card(spec: EncoderSpec) -> dict[str, Any]:
    if not isinstance(spec.source, FolderWeights):
        raise TrainingError(f"{spec.name}: is not an encoder that reid-engine train made; leave --unseen out")
    path = spec.source.path.with_name(CARD_NAME)
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TrainingError(f"{path}: cannot be read ({type(error).__name__}); restore it, or train again") from error
    return card if isinstance(card, dict) else {}
