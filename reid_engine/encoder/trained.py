"""Trained encoders: a folder that ``reid-engine train`` wrote, found by its path or by its name.

The name holds the start of the weights' hash, so that it means one encoder only. Where the folder of a name lies is
noted among the user's settings whenever the folder is used; the path goes into no gallery and no report.
"""

import hashlib
import json
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, get_args

from reid_engine.encoder.spec import MOST_MEMBERS, EncoderSpec, FolderWeights, Interpolation, Recipe, Standardise
from reid_engine.errors import EncoderError
from reid_engine.pseudonym import config_folder
from reid_engine.whole_file import put_text

SCHEMA = "reid-encoder/1"
DESCRIPTION_NAME = "encoder.json"
WEIGHTS_NAME = "encoder.safetensors"
CHECKPOINT_NAME = "checkpoint.pt"
PLDA_NAME = "plda.safetensors"
LEARNT_NAME = "learnt.safetensors"

TRAINED_PREFIX = "trained:"

NAME_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""What a trained encoder may be called; the hash of its weights is added."""

_ARCHITECTURE = re.compile(r"[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)?")
"""A name in timm; with a colon or a slash it would be a place to fetch from."""

OPTIONS = frozenset({"img_size", "global_pool", "fc_norm"})
"""Arguments of ``timm.create_model`` that are taken from a file; others would have it read further files."""

_HASH_DIGITS = 8

_seen: dict[str, Path] = {}


def trained_name(name: str, weights_hash: str) -> str:
    """Give the full name of an encoder called `name` whose weights have this SHA-256 (hex)."""
    return f"{TRAINED_PREFIX}{name}-{weights_hash[:_HASH_DIGITS]}"


def find_trained(name: str) -> EncoderSpec | None:
    """Find a trained encoder by its folder or its name ``trained:NAME``; None when `name` means something else.

    Raises
    ------
    EncoderError
        The folder holds no trained encoder, or a damaged one, or nobody knows where it is.
    """
    if name.startswith(TRAINED_PREFIX):
        return _find_named(name)
    folder = Path(name).expanduser()
    if (folder / DESCRIPTION_NAME).is_file():
        return read_trained(folder)
    if folder.is_dir() and (folder / CHECKPOINT_NAME).is_file():
        raise EncoderError(f"{name}: its training has not ended; run the same reid-engine train again to go on")
    if "/" in name or os.sep in name or name.startswith((".", "~")):
        raise EncoderError(f"{name}: holds no trained encoder; give the folder that reid-engine train wrote")
    return None


def read_trained(folder: Path) -> EncoderSpec:
    """Read what ``encoder.json`` says, and remember where the encoder lies; see :func:`read_description`."""
    spec = read_description(folder)
    _remember(spec.name, folder.resolve())
    return spec


def read_description(folder: Path) -> EncoderSpec:
    """Read what ``encoder.json`` says.

    Raises
    ------
    EncoderError
        The file is damaged or of another version, or the weights are missing.
    """
    path = folder / DESCRIPTION_NAME
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["schema"] != SCHEMA:
            raise EncoderError(f"{path}: is of another version ({document['schema']}); this one reads {SCHEMA}")
        spec = _spec(document, folder)
    except EncoderError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise EncoderError(f"{path}: is damaged ({type(error).__name__}); restore it, or train again") from error
    if not spec.at_hand:
        raise EncoderError(f"{folder}: the weights are missing; {spec.advice}")
    return spec


def describe_trained(spec: EncoderSpec, base: str, weights_hash: str) -> dict[str, Any]:
    """Give the document that :func:`read_trained` reads back.

    Parameters
    ----------
    spec
        The encoder, with its width and recipe known.
    base
        Name of the encoder that training started from.
    weights_hash
        SHA-256 (hex) of the weights' values.
    """
    recipe = spec.recipe
    if recipe is None:
        raise ValueError("a trained encoder has a recipe")
    return {
        "schema": SCHEMA,
        "name": spec.name,
        "base": base,
        "architecture": spec.architecture,
        "options": dict(spec.options),
        "renormalise": spec.renormalise,
        "dim": spec.dim,
        **({"members": spec.members} if spec.members > 1 else {}),
        "modalities": list(spec.modalities),
        "recipe": {name: getattr(recipe, name) for name in recipe.__dataclass_fields__},
        "licence": spec.licence,
        "citation": spec.citation,
        "weights_sha256": weights_hash,
    }


def _spec(document: Mapping[str, Any], folder: Path) -> EncoderSpec:
    name, architecture, dim = document["name"], document["architecture"], document["dim"]
    own = name.removeprefix(TRAINED_PREFIX)
    if own == name or not NAME_PATTERN.fullmatch(own[: -_HASH_DIGITS - 1]):
        raise ValueError("not a trained encoder's name")
    if trained_name(own[: -_HASH_DIGITS - 1], document["weights_sha256"]) != name:
        raise ValueError("not the name of these weights")
    if not _ARCHITECTURE.fullmatch(architecture) or type(dim) is not int or dim < 1:
        raise ValueError("no architecture or width")
    members = document.get("members", 1)
    if type(members) is not int or not 1 <= members <= MOST_MEMBERS:
        raise ValueError("a number of networks that makes no sense")
    options, renormalise = dict(document["options"]), document.get("renormalise", False)
    if not set(options) <= OPTIONS or type(renormalise) is not bool:
        raise ValueError("options that no encoder has")
    return EncoderSpec(
        name=name,
        architecture=architecture,
        dim=dim,
        modalities=tuple(str(one) for one in document["modalities"]),
        recipe=_recipe(document["recipe"]),
        source=FolderWeights(folder / WEIGHTS_NAME),
        options=options,
        renormalise=renormalise,
        licence=str(document["licence"]),
        citation=str(document["citation"]),
        members=members,
    )


def _recipe(held: Mapping[str, Any]) -> Recipe:
    """Check what becomes part of the preprocessing."""
    recipe = Recipe(**{**held, "mean": tuple(map(float, held["mean"])), "std": tuple(map(float, held["std"]))})
    second = () if recipe.second_size is None else (recipe.second_size,)
    counts = (recipe.size, recipe.tiles, recipe.slices, *second)
    if not all(type(count) is int and 1 <= count <= 4096 for count in counts) or not all(
        type(flag) is bool for flag in (recipe.crop, recipe.whole, recipe.mirror)
    ):
        raise ValueError("sizes or counts that make no sense")
    if type(recipe.tile_step) not in (int, float) or not 0 < recipe.tile_step <= 1:
        raise ValueError("tiles that do not follow each other")
    if len(recipe.mean) != 3 or len(recipe.std) != 3 or min(recipe.std) <= 0:
        raise ValueError("mean or deviation that make no sense")
    if recipe.interpolation not in get_args(Interpolation) or recipe.standardise not in get_args(Standardise):
        raise ValueError("an unknown filter")
    return recipe


def _find_named(name: str) -> EncoderSpec:
    folder = _seen.get(name) or _noted(name)
    if folder is None:
        raise EncoderError(f"{name}: nobody knows where this encoder is; give its folder with --encoder DIR")
    if not (folder / DESCRIPTION_NAME).is_file():
        raise EncoderError(f"{name}: is no longer in {folder}; give its folder with --encoder DIR")
    spec = read_trained(folder)
    if spec.name != name:
        raise EncoderError(f"{name}: {folder} now holds {spec.name}; give the right folder with --encoder DIR")
    return spec


def _note(name: str) -> Path:
    """Give the file that says where an encoder lies; a hash is a file name everywhere."""
    return config_folder() / "reid-engine" / "encoders" / hashlib.sha256(name.encode()).hexdigest()[:32]


def _noted(name: str) -> Path | None:
    try:
        return Path(_note(name).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _remember(name: str, folder: Path) -> None:
    """Note where an encoder lies; without a place to write, for this process only."""
    _seen[name] = folder
    if _noted(name) == folder:
        return
    note = _note(name)
    with suppress(OSError):
        note.parent.mkdir(parents=True, exist_ok=True)
        put_text(note, str(folder))
