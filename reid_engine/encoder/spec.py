"""What is known of an encoder before it is loaded; standard library only."""

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from reid_engine.errors import EncoderError

Interpolation = Literal["bilinear", "bicubic", "area"]
Standardise = Literal["fixed", "image"]


@dataclass(frozen=True)
class Recipe:
    """How a scan's display values become the network's input; part of the fingerprint.

    Parameters
    ----------
    size
        Side of the square input in pixels.
    mean, std
        For each channel, in display values (0 to 1).
    interpolation
        Filter of the resize; all of them average when they shrink.
    crop
        Whether the picture is cropped to its field first (see :mod:`reid_engine.encoder.field`).
    tiles
        A field that is longer than wide, as of a b-scan, is cut into so many nearly square parts at most,
        whose features are pooled; each part is stretched to the square.
    standardise
        ``"fixed"`` uses mean and std, ``"image"`` the image's own mean and deviation for each channel.
    slices
        At most so many slices of a volume are embedded.
    """

    size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    interpolation: Interpolation = "bilinear"
    crop: bool = True
    tiles: int = 1
    standardise: Standardise = "fixed"
    slices: int = 8


@dataclass(frozen=True)
class PackagedWeights:
    """Weights that an installed Python package carries.

    Parameters
    ----------
    package
        Its import name.
    pattern
        Where in it the file is, as for :meth:`pathlib.Path.glob`.
    distribution
        Its name for pip.
    """

    package: str
    pattern: str
    distribution: str

    def locate(self) -> Path | None:
        """Give the file in the installed package without importing it, or None."""
        found = importlib.util.find_spec(self.package)
        for folder in (found.submodule_search_locations or ()) if found else ():
            for path in sorted(Path(folder).glob(self.pattern)):
                return path
        return None

    @property
    def advice(self) -> str:
        """What to do when they are not at hand."""
        return f"install them with: pip install {self.distribution}"


@dataclass(frozen=True)
class HubWeights:
    """Weights of a model repository on the Hugging Face hub, used from the local cache."""

    repository: str
    files: tuple[str, ...] = ("model.safetensors", "pytorch_model.bin")
    gated: bool = False

    @property
    def url(self) -> str:
        """The repository's page."""
        return f"https://huggingface.co/{self.repository}"

    def locate(self) -> Path | None:
        """Give the first of the files that is in the hub's cache, or None; never goes online."""
        from huggingface_hub import try_to_load_from_cache

        for file in self.files:
            cached = try_to_load_from_cache(self.repository, file)
            if isinstance(cached, str) and Path(cached).is_file():
                return Path(cached)
        return None

    def fetch(self) -> Path:
        """Download the first of the files that the repository has.

        Raises
        ------
        EncoderError
            The hub cannot be reached, or doesn't give the file.
        """
        from huggingface_hub import hf_hub_download

        reason = "the repository has none of its files"
        for file in self.files:
            try:
                return Path(hf_hub_download(self.repository, file))
            except Exception as error:  # the hub's client raises a dozen kinds, of several packages
                reason = type(error).__name__
        raise EncoderError(f"{self.repository}: could not be downloaded ({reason}); {self.advice}")

    @property
    def advice(self) -> str:
        """What to do when they are not at hand."""
        first = "ask there for access, then " if self.gated else ""
        return f"{first}download {self.files[0]} from {self.url} and give it with --weights FILE"


@dataclass(frozen=True)
class EncoderSpec:
    """A named encoder: what it is, how scans are prepared for it and where its weights come from.

    Parameters
    ----------
    name
        What users type.
    architecture
        Name in timm.
    dim
        Length D of the embedding; None until the model is built (any timm model).
    modalities
        What it was made for; ``("any",)`` for natural images.
    recipe
        The preprocessing; None until timm tells it (any timm model).
    source
        Where its weights come from when no file is given.
    options
        Further arguments for ``timm.create_model``: input size, pooling.
    licence, citation, url
        Of the weights.
    """

    name: str
    architecture: str
    dim: int | None
    modalities: tuple[str, ...]
    recipe: Recipe | None
    source: PackagedWeights | HubWeights | None
    options: Mapping[str, Any] = field(default_factory=dict)
    licence: str = "see the model's card"
    citation: str = ""
    url: str = ""

    @property
    def at_hand(self) -> bool:
        """Whether the weights are on this machine."""
        return self.source is not None and self.source.locate() is not None

    @property
    def advice(self) -> str:
        """What to do when the weights are not at hand."""
        return self.source.advice if self.source else "give a weights file with --weights FILE"

    def describe(self) -> dict[str, Any]:
        """Give what ``reid-engine encoders`` lists, without importing torch or timm."""
        return {
            "name": self.name,
            "architecture": self.architecture,
            "modalities": list(self.modalities),
            "dim": self.dim,
            "input_size": self.recipe.size if self.recipe else None,
            "licence": self.licence,
            "weights_at_hand": self.at_hand,
            "where": self.url,
            "advice": None if self.at_hand else self.advice,
            "citation": self.citation,
        }
