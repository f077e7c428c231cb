"""Files of a training's folder: there whole or not at all; and the checkpoint."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from reid_engine.encoder.trained import CHECKPOINT_NAME
from reid_engine.errors import TrainingError
from reid_engine.whole_file import PRIVATE, put_whole

CHECKPOINT_SCHEMA = "reid-training/1"


def put(path: Path, write: Callable[[Path], object]) -> None:
    """Put a file of its owner's there, whole; TrainingError where it cannot be written."""
    try:
        put_whole(path, write, mode=PRIVATE)
    except OSError as error:
        raise TrainingError(f"{path}: cannot be written ({error.strerror}); check the disk, then run again") from error


def save_checkpoint(folder: Path, key: str, state: Mapping[str, Any]) -> None:
    """Keep tensors and plain values, under the key of what is trained on what."""
    document = {"schema": CHECKPOINT_SCHEMA, "key": key, **state}
    put(folder / CHECKPOINT_NAME, lambda draft: torch.save(document, draft))


def load_checkpoint(folder: Path, key: str) -> dict[str, Any] | None:
    """Read the checkpoint back; None where there is none. Nothing in it is executed.

    Raises
    ------
    TrainingError
        It is damaged, or of another cohort, encoder or settings.
    """
    path = folder / CHECKPOINT_NAME
    if not path.exists():
        return None
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        schema, made_for = state["schema"], state["key"]
    except Exception as error:  # torch raises a dozen kinds for a broken file
        raise TrainingError(f"{path}: is damaged ({type(error).__name__}); remove it to begin anew") from error
    if schema != CHECKPOINT_SCHEMA or made_for != key:
        raise TrainingError(
            f"{path}: is of a training on another cohort, from another encoder or with other settings; "
            "run it again as it was, or give a new folder"
        )
    return dict(state)
