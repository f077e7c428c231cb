"""The DICOM files that a volume of the scene was loaded from."""

import os
from typing import Any, List, NamedTuple

import slicer

INSTANCES = "DICOM.instanceUIDs"
MAGIC_AT, MAGIC = 128, b"DICM"


class Source(NamedTuple):
    """Whether a volume came from DICOM, its files that are still there, and how many are not."""

    dicom: bool
    files: List[str]
    missing: int


def source_of(volume: Any) -> Source:
    """Find the files of a volume.

    Slicer's DICOM module notes the instances on the volume and the series on its item in the subject hierarchy, and
    its database knows their files; a single DICOM file that was opened as a volume is known by the storage node.
    """
    if volume is None:
        return Source(False, [], 0)
    instances = (volume.GetAttribute(INSTANCES) or "").split()
    paths = _of_instances(instances)
    if not any(paths):
        of_series = _of_series(_series(volume))
        paths = of_series or paths
    if not any(paths):
        stored = [path for path in _of_storage(volume) if _is_dicom(path)]
        paths = list(stored) or paths
    there = sorted({path for path in paths if path and os.path.isfile(path)})
    missing = sum(1 for path in paths if not path or not os.path.isfile(path))
    return Source(bool(instances or _series(volume) or there), there, missing)


def _database() -> Any:
    return getattr(slicer, "dicomDatabase", None)


def _of_instances(instances: List[str]) -> List[str]:
    database = _database()
    return [str(database.fileForInstance(uid) or "") if database is not None else "" for uid in instances]


def _series(volume: Any) -> str:
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    item = hierarchy.GetItemByDataNode(volume)
    name = slicer.vtkMRMLSubjectHierarchyConstants.GetDICOMUIDName()
    return str(hierarchy.GetItemUID(item, name) or "") if item else ""


def _of_series(series: str) -> List[str]:
    database = _database()
    return [str(path) for path in database.filesForSeries(series)] if series and database is not None else []


def _of_storage(volume: Any) -> List[str]:
    storage = volume.GetStorageNode()
    if storage is None or not storage.GetFileName():
        return []
    first = storage.GetFullNameFromFileName()
    further = [storage.GetFullNameFromNthFileName(n) for n in range(storage.GetNumberOfFileNames())]
    return list(dict.fromkeys(path for path in [first, *further] if path))


def _is_dicom(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            file.seek(MAGIC_AT)
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False
