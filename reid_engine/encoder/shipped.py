"""The encoders that this package carries, which ``reid-engine train`` made of openly licensed images.

Each is a folder in ``weights/`` with its model card, and is named after it.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

from reid_engine.encoder.spec import EncoderSpec, Recipe
from reid_engine.encoder.trained import DESCRIPTION_NAME, read_description

FOLDER = Path(__file__).with_name("weights")

_LOOKS: dict[str, Any] = {"size": 0, "tile_step": 1.0, "second_size": None, "whole": False, "mirror": False}
"""What networks of one encoder may differ in: how often, and at what, each of them looks."""


def shipped_specs() -> tuple[EncoderSpec, ...]:
    """Give one spec a folder, by name."""
    folders = sorted(path.parent for path in FOLDER.glob(f"*/{DESCRIPTION_NAME}"))
    place = "reid_engine/encoder/weights"
    return tuple(replace(read_description(one), name=one.name, url=f"{place}/{one.name}") for one in folders)


def branched_spec(
    name: str, rest: EncoderSpec, shipped: tuple[EncoderSpec, ...], mirrored: tuple[str, ...] = ()
) -> EncoderSpec:
    """Give an encoder that sends each modality through the network that was trained for it.

    Parameters
    ----------
    name
        What it is called.
    rest
        For all other modalities.
    shipped
        Encoders of the same architecture, and of the same preprocessing but for what each looks at; raises
        ValueError where one is of another.
    mirrored
        Modalities without such an encoder whose pictures `rest` looks at in a mirror, too.
    """
    for one in shipped:
        if _build(one) != _build(rest):
            raise ValueError(f"{one.name} is built otherwise than {rest.name}")
    both = replace(rest, recipe=replace(rest.recipe, mirror=True)) if rest.recipe else rest
    branches = dict.fromkeys(mirrored, both) | {modality: one for one in shipped for modality in one.modalities}
    licence = f"{rest.licence}; those of {', '.join(one.name for one in shipped)}" if shipped else rest.licence
    return replace(rest, name=name, branches=branches, licence=licence)


def _build(spec: EncoderSpec) -> tuple[str, Recipe | None, dict[str, Any]]:
    return (
        spec.architecture,
        replace(spec.recipe, **_LOOKS) if spec.recipe else None,
        dict(spec.options),
    )
