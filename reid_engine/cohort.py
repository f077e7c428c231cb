"""A cohort: samples with their subjects, sessions and attributes, from a manifest or a DICOM folder."""

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from reid_engine.errors import CohortError

if TYPE_CHECKING:
    import pandas as pd

MANIFEST_NAME = "manifest.csv"

COLUMNS = (
    "file",
    "subject_id",
    "session_id",
    "modality",
    "laterality",
    "view",
    "sex",
    "age",
    "race",
    "ethnicity",
    "acquired",
    "device",
)
"""The manifest's columns; the first two are required."""


@dataclass(frozen=True)
class Sample:
    """One scan of a cohort; None is unknown.

    Parameters
    ----------
    sample_id
        Unique in the cohort: the manifest's ``file``, or a keyed hash of a DICOM UID.
    path
        What :func:`reid_engine.scan.read_scan` reads: a file, a folder that is one DICOM series, or one
        series of a folder that holds several.
    subject_id, session_id
        The person, and the visit.
    modality
        One of :data:`reid_engine.scan.MODALITIES`.
    laterality, sex, age
        ``"L"`` or ``"R"``; ``"F"`` or ``"M"``; years.
    acquired
        ISO date.
    attributes
        The manifest's further columns, empty cells left out.
    """

    sample_id: str
    path: Path
    subject_id: str
    session_id: str | None = None
    modality: str | None = None
    laterality: str | None = None
    view: str | None = None
    sex: str | None = None
    age: float | None = None
    race: str | None = None
    ethnicity: str | None = None
    acquired: str | None = None
    device: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "attributes", MappingProxyType(dict(self.attributes)))


@dataclass(frozen=True)
class Cohort:
    """Samples that belong together.

    Parameters
    ----------
    root
        The folder that the samples' files are in.
    samples
        In the manifest's order; of a DICOM folder, by path.
    skipped
        Files of a DICOM folder that are no images, each as ``name: reason``.
    attribute_names
        The manifest's further columns, in its order.
    """

    root: Path
    samples: tuple[Sample, ...]
    skipped: tuple[str, ...] = ()
    attribute_names: tuple[str, ...] = ()

    def where(self, wanted: Mapping[str, Collection[str]]) -> "Cohort":
        """Give the samples whose columns hold one of the values wanted of each.

        Raises
        ------
        CohortError
            There is no such column, or no sample is left.
        """
        unknown = [name for name in wanted if name not in COLUMNS[1:] and name not in self.attribute_names]
        if unknown:
            names = ", ".join([*COLUMNS[1:], *self.attribute_names])
            raise CohortError(str(self.root), [f"there is no column {unknown[0]!r}; there are {names}"])
        kept = tuple(s for s in self.samples if all(_value(s, name) in values for name, values in wanted.items()))
        if not kept:
            said = " and ".join(f"{name} {' or '.join(sorted(values))}" for name, values in wanted.items())
            raise CohortError(str(self.root), [f"no sample has {said}; check the values"])
        return replace(self, samples=kept)

    def table(self) -> "pd.DataFrame":
        """Give one row a sample: ``sample_id``, the manifest's columns, then the further attributes.

        Missing values are None, or NaN in ``age``.
        """
        import pandas as pd

        fields = [name for name in COLUMNS if name != "file"]
        rows = {
            "sample_id": [s.sample_id for s in self.samples],
            "file": [_relative(s.path, self.root) for s in self.samples],
            **{name: [getattr(s, name) for s in self.samples] for name in fields},
            **{name: [s.attributes.get(name) for s in self.samples] for name in self.attribute_names},
        }
        table = pd.DataFrame(rows, dtype=object)
        return table.astype({"age": float})


def read_cohort(path: str | os.PathLike[str], *, pseudonymise: bool = True, key: bytes | None = None) -> Cohort:
    """Read a cohort from a folder with a ``manifest.csv``, from a manifest, or from a folder of DICOM files.

    Parameters
    ----------
    path
        The folder, or a ``.csv`` file.
    pseudonymise
        Whether ids from DICOM headers are replaced by a keyed hash; a manifest's ids are taken as they are.
    key
        The hash's key; without one, that of :func:`reid_engine.pseudonym.load_key`.

    Raises
    ------
    CohortError
        With every problem found, each with its row.
    """
    path = Path(path)
    if path.is_file():
        return _read_manifest(path)
    if not path.is_dir():
        raise CohortError(str(path), ["there is no such folder or manifest; check the path"])
    if (path / MANIFEST_NAME).is_file():
        return _read_manifest(path / MANIFEST_NAME)
    from reid_engine.dicom_folder import read_dicom_folder

    return read_dicom_folder(path, pseudonymise=pseudonymise, key=key)


def _read_manifest(path: Path) -> Cohort:
    from reid_engine.manifest import read_manifest

    return read_manifest(path)


def _value(sample: Sample, column: str) -> str | None:
    value = getattr(sample, column) if column in COLUMNS else sample.attributes.get(column)
    return None if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _relative(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()
