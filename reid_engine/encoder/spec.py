"""What is known of an encoder before it is loaded; standard library only."""

import importlib.util
import logging
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from reid_engine.errors import EncoderError

Interpolation = Literal["bilinear", "bicubic", "area"]
Standardise = Literal["fixed", "image"]

HUB_FILES = ("model.safetensors", "pytorch_model.bin")
"""What most repositories call their weights; such a name says nothing about whose they are."""

MOST_MEMBERS = 8
"""Networks of one encoder at most; each costs as much time and memory as the first."""


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
    tile_step
        From one tile to the next, as share of a tile's length: 1 lays them side by side over the whole field, 0.5 half
        over each other around its middle, where pictures of one eye show the same.
    second_size
        Side of a second, smaller look at the same input; the features of both, brought to unit length, are averaged.
    whole
        Whether a field that is cut into tiles is a picture of its own beside them.
    mirror
        Whether each picture is looked at in a mirror too, left and right swapped; the features of all looks, brought
        to unit length, are averaged.
    """

    size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    interpolation: Interpolation = "bilinear"
    crop: bool = True
    tiles: int = 1
    standardise: Standardise = "fixed"
    slices: int = 8
    tile_step: float = 1.0
    second_size: int | None = None
    whole: bool = False
    mirror: bool = False

    def to_facts(self) -> dict[str, Any]:
        """Give what the fingerprint is made of: what came later only where it is used, so that older ones hold."""
        facts = asdict(self)
        if self.second_size is None:
            del facts["second_size"]
        if self.tile_step == 1:
            del facts["tile_step"]
        for flag in ("whole", "mirror"):
            if not facts[flag]:
                del facts[flag]
        return facts

    def describe(self) -> dict[str, Any]:
        """Give every parameter as a JSON value."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}


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

    def advise(self, name: str) -> str:
        """Say what to do when they are not at hand."""
        return f"install them with: pip install {self.distribution}"


@dataclass(frozen=True)
class HubWeights:
    """Weights of a model repository on the Hugging Face hub, used from the local cache.

    Parameters
    ----------
    repository
        Where they are fetched from.
    files
        Names that the weights have there, the preferred first.
    gated
        Whether the authors grant access one by one.
    mirrors
        Repositories with the same weights under other key names; used when they are in the cache.
    """

    repository: str
    files: tuple[str, ...] = HUB_FILES
    gated: bool = False
    mirrors: tuple[str, ...] = ()

    @property
    def url(self) -> str:
        """The repository's page."""
        return f"https://huggingface.co/{self.repository}"

    def locate(self) -> Path | None:
        """Give the first of the files that is in the hub's cache, or None; never goes online."""
        from huggingface_hub import try_to_load_from_cache

        places = [(self.repository, file) for file in self.files]
        places += [(mirror, file) for mirror in self.mirrors for file in HUB_FILES]
        for repository, file in places:
            cached = try_to_load_from_cache(repository, file)
            if isinstance(cached, str) and Path(cached).is_file():
                return Path(cached)
        return None

    def fetch(self) -> Path:
        """Download the first of the files that the repository has into the hub's cache.

        Raises
        ------
        EncoderError
            The hub cannot be reached, or doesn't give the file.
        """
        from huggingface_hub import hf_hub_download
        from huggingface_hub.errors import GatedRepoError
        from huggingface_hub.utils import logging as hub_logging

        reason = "the repository has none of its files"
        verbosity = hub_logging.get_verbosity()
        hub_logging.set_verbosity(logging.ERROR)  # each retry is a warning of several lines
        try:
            for file in self.files:
                try:
                    return Path(hf_hub_download(self.repository, file))
                except GatedRepoError as error:
                    raise EncoderError(f"{self.repository}: the hub doesn't give its weights to you yet") from error
                except Exception as error:  # the hub's client raises a dozen kinds, of several packages
                    reason = type(error).__name__
        finally:
            hub_logging.set_verbosity(verbosity)
        raise EncoderError(f"{self.repository}: could not be downloaded ({reason})")

    def advise(self, name: str) -> str:
        """Say what to do when they are not at hand."""
        first = f"ask for access at {self.url}, log in with: hf auth login, then " if self.gated else ""
        from_page = "" if self.gated else f" from {self.url}"
        return first + _fetch_or_give(name, self.files[0] + from_page)


@dataclass(frozen=True)
class LinkedWeights:
    """Weights behind a plain link, kept where torch keeps its downloads."""

    link: str

    @property
    def files(self) -> tuple[str, ...]:
        """The file's name."""
        return (self.link.rpartition("/")[2],)

    def locate(self) -> Path | None:
        """Give the file among torch's downloads, or None."""
        path = self._place
        return path if path.is_file() else None

    def fetch(self) -> Path:
        """Download the file; a download that breaks off leaves nothing.

        Raises
        ------
        EncoderError
            The link cannot be reached.
        """
        from torch.hub import download_url_to_file

        try:
            self._place.parent.mkdir(parents=True, exist_ok=True)
            download_url_to_file(self.link, str(self._place), progress=False)
        except Exception as error:  # of urllib, http and the disk
            raise EncoderError(f"{self.link}: could not be downloaded ({type(error).__name__})") from error
        return self._place

    def advise(self, name: str) -> str:
        """Say what to do when they are not at hand."""
        return _fetch_or_give(name, self.link)

    @property
    def _place(self) -> Path:
        cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
        home = os.environ.get("TORCH_HOME") or f"{cache}/torch"
        return Path(home).expanduser() / "hub" / "checkpoints" / self.files[0]


def _fetch_or_give(name: str, what: str) -> str:
    return (
        f"fetch them with: reid-engine encoders --download {name}; or download {what} and give it with --weights FILE"
    )


@dataclass(frozen=True)
class FolderWeights:
    """Weights in the folder of a trained encoder."""

    path: Path

    def locate(self) -> Path | None:
        """Give the file, or None when it is gone."""
        return self.path if self.path.is_file() else None

    def advise(self, name: str) -> str:
        """Say what to do when they are not at hand."""
        return f"put {self.path.name} back into {self.path.parent}, or train again"


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
    renormalise
        Whether the pooled feature is brought to zero mean and unit variance over its D values, as by a
        LayerNorm that was never trained.
    licence, citation, url
        Of the weights.
    branches
        Encoders of the same architecture that scans of a modality go through instead.
    members
        Networks of the architecture whose features are averaged, see :mod:`reid_engine.encoder.ensemble`.
    """

    name: str
    architecture: str
    dim: int | None
    modalities: tuple[str, ...]
    recipe: Recipe | None
    source: PackagedWeights | HubWeights | LinkedWeights | FolderWeights | None
    options: Mapping[str, Any] = field(default_factory=dict)
    renormalise: bool = False
    licence: str = "see the model's card"
    citation: str = ""
    url: str = ""
    branches: Mapping[str, "EncoderSpec"] = field(default_factory=dict)
    members: int = 1

    @property
    def own_weights(self) -> frozenset[str]:
        """Modalities that go through other weights; the others' branches only look at pictures in another way."""
        return frozenset(modality for modality, one in self.branches.items() if one.source != self.source)

    @property
    def at_hand(self) -> bool:
        """Whether the weights are on this machine."""
        sources = (self.source, *(branch.source for branch in self.branches.values()))
        return all(source is not None and source.locate() for source in sources)

    @property
    def advice(self) -> str:
        """What to do when the weights are not at hand."""
        return self.source.advise(self.name) if self.source else "give a weights file with --weights FILE"

    @property
    def files(self) -> tuple[str, ...]:
        """Names under which its weights are published, the preferred first; empty for those that are not."""
        return (
            () if self.source is None or isinstance(self.source, PackagedWeights | FolderWeights) else self.source.files
        )

    @property
    def repository(self) -> str | None:
        """Name of its hub repository without the owner, None where there is none."""
        return self.source.repository.rpartition("/")[2] if isinstance(self.source, HubWeights) else None

    def fetch(self) -> Path:
        """Download the weights to where :attr:`at_hand` finds them.

        Raises
        ------
        EncoderError
            They cannot be had, with what to do next.
        """
        if self.source is None or isinstance(self.source, PackagedWeights | FolderWeights):
            raise EncoderError(f"{self.name}: there is nothing to download; {self.advice}")
        try:
            return self.source.fetch()
        except EncoderError as error:
            raise EncoderError(f"{self.name}: {error}; {self.advice}") from error

    @property
    def pooling(self) -> str:
        """How the last layer becomes the embedding, in the order of the steps: norm is a LayerNorm."""
        return self._own_pooling + (f", mean of {self.members} networks" if self.members > 1 else "")

    @property
    def _own_pooling(self) -> str:
        kind = self.options.get("global_pool")
        if kind == "token":
            return "class token"
        if kind != "avg":
            return "the network's own"
        if self.renormalise:
            return "norm, patch mean, norm"
        if self.options.get("fc_norm") is False:
            return "norm, patch mean"
        return "patch mean, norm"

    def describe(self) -> dict[str, Any]:
        """Give what ``reid-engine encoders`` lists, without importing torch or timm."""
        return {
            "name": self.name,
            "architecture": self.architecture,
            "modalities": list(self.modalities),
            "own_weights_for": sorted(self.own_weights),
            "dim": self.dim,
            "input_size": self.recipe.size if self.recipe else None,
            "preprocessing": self.recipe.describe() if self.recipe else None,
            "pooling": self.pooling,
            "licence": self.licence,
            "weights_at_hand": self.at_hand,
            "where": self.url,
            "advice": None if self.at_hand else self.advice,
            "citation": self.citation,
        }
