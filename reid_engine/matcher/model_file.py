"""A fitted model on disk: named arrays and a JSON document in one .npz, without pickles."""

import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reid_engine.matcher.ledger import StoredFile
from reid_engine.matcher.segment import check_length, damaged
from reid_engine.matcher.storage import write_file

Model = tuple[dict[str, NDArray[Any]], dict[str, Any]]

_META = "__meta__"


def write_model(gallery: Path, name: str, arrays: Mapping[str, NDArray[Any]], meta: Mapping[str, Any]) -> StoredFile:
    """Write a new model file down to the disk.

    Raises
    ------
    ValueError
        An array holds objects, or the meta data are not plain finite JSON.
    """
    document = json.dumps(dict(meta), ensure_ascii=False, allow_nan=False).encode()
    plain = {key: np.asarray(array) for key, array in arrays.items()}
    if _META in plain or any(array.dtype.hasobject for array in plain.values()):
        raise ValueError("a model's arrays must be numbers or text, under names of their own")
    sink = io.BytesIO()
    plain[_META] = np.frombuffer(document, dtype=np.uint8)
    np.savez(sink, **plain)
    return StoredFile(name, write_file(gallery / name, [sink.getbuffer()]))


def read_model(gallery: Path, file: StoredFile) -> Model:
    """Read a model back.

    Raises
    ------
    FileNotFoundError
        The file is gone: a later commit dropped the model.
    GalleryError
        The file is damaged.
    """
    data = check_length(gallery, file).read_bytes()
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        meta = json.loads(arrays.pop(_META).tobytes())
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile, OSError) as error:
        raise damaged(gallery, file) from error
    return arrays, meta
