"""The model card: data, licence, command, curves and what was measured."""

import datetime
import math
import platform
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reid_engine import __version__
from reid_engine.encoder.spec import EncoderSpec
from reid_engine.evaluation.confidence import Estimate, mean_estimate
from reid_engine.matcher.carried_plda import CarriedPlda
from reid_engine.training.course import Outcome
from reid_engine.training.pictures import Pictures
from reid_engine.training.rank import BACKEND, Ranks
from reid_engine.training.settings import TrainingSettings
from reid_engine.training.split import Split
from reid_engine.training.unseen import subjects_digest

SCHEMA = "reid-model-card/1"

PACKAGES = ("torch", "timm", "pytorch-metric-learning", "numpy", "safetensors")

LICENCE_COLUMNS = ("licence", "license")
"""Columns of a manifest that say under which terms its images are."""

NOT_STATED = "not stated in the manifest"


@dataclass(frozen=True)
class Judged:
    """Rank-1 among subjects that nothing was fitted to, by the base encoder and by the trained one."""

    before: Ranks
    after: Ranks
    subjects: int
    sessions: str


def make_card(
    *,
    spec: EncoderSpec,
    base: EncoderSpec,
    settings: TrainingSettings,
    rate: float,
    pictures: Pictures,
    split: Split,
    judged: Judged,
    outcomes: Sequence[Outcome],
    command: Sequence[str],
    again: Sequence[str] = (),
    models: Mapping[str, CarriedPlda] | None = None,
) -> dict[str, Any]:
    """Give the card as plain finite values; it names no subject and no image.

    Parameters
    ----------
    spec, base
        The encoder, and what it started from.
    settings, rate
        What was asked for, and the learning rate that was used.
    pictures, split
        The images and their parts.
    judged
        What was measured.
    outcomes
        The networks that have learnt.
    command
        What the user typed.
    again
        What to type to judge the encoder again.
    models
        PLDA that it carries, by modality.
    """
    terms = _terms(pictures, split.training)
    gain = mean_estimate(judged.after.hits - judged.before.hits, judged.after.codes)
    return {
        "schema": SCHEMA,
        "name": spec.name,
        "base": base.name,
        "architecture": spec.architecture,
        "input_size": spec.recipe.size if spec.recipe else None,
        "second_size": spec.recipe.second_size if spec.recipe else None,
        "whole": spec.recipe.whole if spec.recipe else False,
        "mirror": spec.recipe.mirror if spec.recipe else False,
        "tile_step": spec.recipe.tile_step if spec.recipe else 1.0,
        "dim": spec.dim,
        "licence": f"base encoder: {base.licence}; training images: {'; '.join(terms)}",
        "citation": base.citation,
        "made": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "data": {
            "licences": terms,
            "refused": len(pictures.refused),
            "without_second_image": len(pictures) - sum(map(len, (split.training, split.choosing, split.judging))),
            **{part: _part(pictures, getattr(split, part)) for part in ("training", "choosing", "judging")},
        },
        "command": shlex.join(command),
        "judge_again": shlex.join(again),
        "split": {
            "seed": settings.seed,
            "fold": settings.fold,
            "choosing": settings.choosing,
            "judged": subjects_digest(pictures.samples[row].subject_id for row in split.judging),
        },
        "settings": {**settings.to_json(), "learning_rate": rate},
        "versions": {"reid_engine": __version__, "python": platform.python_version()}
        | {name: _version(name) for name in PACKAGES},
        **_course(outcomes[0]),
        **({"further_networks": [_course(one) for one in outcomes[1:]]} if len(outcomes) > 1 else {}),
        "held_out": {
            "measure": "rank-1",
            "attacker": BACKEND,
            "sessions": judged.sessions,
            "subjects": judged.subjects,
            "queries": len(judged.after.hits),
            "before": _plain(judged.before.estimate()),
            "after": _plain(judged.after.estimate()),
            "gain": _plain(gain),
        },
        "plda": {name: {"subjects": one.subjects, "images": one.images} for name, one in (models or {}).items()},
    }


def _course(outcome: Outcome) -> dict[str, Any]:
    return {"curve": [dict(row) for row in outcome.history], "best_epoch": outcome.best_epoch}


def _terms(pictures: Pictures, rows: NDArray[np.int64]) -> list[str]:
    found = set()
    for row in rows:
        attributes = {name.lower(): value for name, value in pictures.samples[row].attributes.items()}
        found.add(next((attributes[name] for name in LICENCE_COLUMNS if attributes.get(name)), NOT_STATED))
    return sorted(found)


def _part(pictures: Pictures, rows: NDArray[np.int64]) -> dict[str, Any]:
    names = sorted({pictures.modalities[row] for row in rows})
    return {
        "subjects": len({pictures.samples[row].subject_id for row in rows}),
        "images": len(rows),
        "modalities": {name: sum(pictures.modalities[row] == name for row in rows) for name in names},
    }


def _plain(estimate: Estimate) -> dict[str, Any]:
    ends = [estimate.low, estimate.high]
    return {"value": estimate.value, "ci95": None if any(map(math.isnan, ends)) else ends}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def render_card(card: Mapping[str, Any]) -> str:
    """Give the card as Markdown."""
    held, data, settings = card["held_out"], card["data"], card["settings"]
    parts = [("trained on", "training"), ("early stopping", "choosing"), ("judged on", "judging")]
    if not settings["choosing"]:
        parts.pop(1)
    lines = [
        f"# {_cell(card['name'])}",
        "",
        f"`{card['base']}` ({card['architecture']}, {_sides(card)} px, {card['dim']}-d), trained with "
        f"`reid-engine train` to find other images of the same subject.{_looks(card)}",
        "",
        "It tells people apart better than its base encoder where the numbers below say so. Its weights were fitted to "
        "personal images: keep them as you keep those, and judge it only on subjects that it was not trained on.",
        "",
        "## Measured",
        "",
        f"Rank-1 in per cent (95 % interval from resampling subjects) of {held['queries']} images of "
        f"{held['subjects']} subjects who were neither trained on nor used to choose the epoch. Each image searches "
        "among the others; "
        f"near-duplicates do not count; own images that count: {_sessions(held['sessions'])}; attacker: "
        f"{held['attacker']}. Before training the network looks at the pictures in the same way.",
        "",
        "| before | after | gain in points |",
        "|---|---|---|",
        f"| {_share(held['before'])} | {_share(held['after'])} | {_share(held['gain'])} |",
        "",
        *_again(card),
        "## Data",
        "",
        "| part | subjects | images | modalities |",
        "|---|---|---|---|",
        *(_data_row(label, data[key]) for label, key in parts),
        "",
        f"Left out: {data['without_second_image']} images without a second one of their subject and modality, "
        f"{data['refused']} that could not be read.",
        "",
        f"Licence: {_cell(card['licence'])}. {_cell(card['citation'])}".rstrip(),
        "",
        *_carried(card),
        "## Command",
        "",
        *(f"    {line}" for line in (card["command"] or "called from Python").splitlines()),
        "",
        ", ".join(f"{name} {value}" for name, value in settings.items()),
        "",
        ", ".join(f"{name} {value}" for name, value in card["versions"].items() if value),
        "",
        "## Curve",
        "",
        *_curves(card),
    ]
    return "\n".join(lines)


def _again(card: Mapping[str, Any]) -> list[str]:
    """Say how to measure it again, where the command line knows."""
    if not card["judge_again"]:
        return []
    return [
        "Again, with the other attackers, strata and probes, on the same subjects:",
        "",
        f"    {card['judge_again']}",
        "",
    ]


def _carried(card: Mapping[str, Any]) -> list[str]:
    """Say what PLDA was fitted on, where there is one."""
    said = [f"{one['subjects']} subjects with {one['images']} images ({name})" for name, one in card["plda"].items()]
    if not said:
        return []
    return [
        f"PLDA of its features was fitted on {', '.join(said)} that the network did not learn from, the judged among "
        "them; it serves galleries whose own subjects are too few for one, and none that has one of these images.",
        "",
    ]


def _sessions(name: str) -> str:
    return "all" if name == "any" else "those not of the same session"


def _share(estimate: Mapping[str, Any]) -> str:
    ends = estimate["ci95"]
    return f"{100 * estimate['value']:.1f}" + (f" ({100 * ends[0]:.1f} to {100 * ends[1]:.1f})" if ends else "")


def _data_row(label: str, part: Mapping[str, Any]) -> str:
    counts = ", ".join(f"{name} {count}" for name, count in part["modalities"].items())
    return f"| {label} | {part['subjects']} | {part['images']} | {counts} |"


def _curves(card: Mapping[str, Any]) -> list[str]:
    lines = []
    networks = [card, *card.get("further_networks", ())]
    for number, one in enumerate(networks, start=1):
        said = _curve_words(one, choosing=card["settings"]["choosing"])
        lines += [
            f"Network {number}. {said}" if len(networks) > 1 else said,
            "",
            "| epoch | loss | rank-1 |",
            "|---|---|---|",
            *map(_curve_row, one["curve"]),
            "",
        ]
    return lines


def _curve_words(card: Mapping[str, Any], *, choosing: bool) -> str:
    if not choosing:
        return "No epoch was chosen; the last one was kept."
    kept = f"epoch {card['best_epoch']}" if card["best_epoch"] else "none: the base encoder's weights were not beaten"
    return (
        f"Rank-1 of the subjects that decide when to stop; kept: {kept}. The best of them was chosen by it, "
        "and is too high as an estimate."
    )


def _curve_row(row: Mapping[str, Any]) -> str:
    loss = "" if row["loss"] is None else f"{row['loss']:.3f}"
    rank_1 = "" if row["rank_1"] is None else f"{100 * row['rank_1']:.1f}"
    return f"| {row['epoch']} | {loss} | {rank_1} |"


def _looks(card: Mapping[str, Any]) -> str:
    said = ""
    if card.get("tile_step", 1) < 1:
        said += " The parts of a long picture overlap, around its middle."
    if card.get("whole"):
        said += " A long picture is looked at as a whole, beside its parts."
    if card.get("further_networks"):
        said += f" It is {1 + len(card['further_networks'])} networks that learnt apart, whose features are averaged."
    if card.get("mirror"):
        said += " Every picture is looked at in a mirror, too."
    return said


def _sides(card: Mapping[str, Any]) -> str:
    second = card.get("second_size")
    return f"{card['input_size']} and {second}" if second else str(card["input_size"])


def _cell(text: str) -> str:
    """Keep what a manifest says from making markup or lines of its own."""
    return " ".join(text.split()).replace("|", "/").replace("<", "‹").replace("`", "'")
