"""The folder that a training writes; looking at it costs nothing."""

from contextlib import suppress
from pathlib import Path

from reid_engine.encoder.trained import CHECKPOINT_NAME, DESCRIPTION_NAME, LEARNT_NAME, PLDA_NAME, WEIGHTS_NAME
from reid_engine.errors import TrainingError

CARD_NAME = "card.json"
CARD_TEXT_NAME = "model_card.md"

OWN_NAMES = (
    CHECKPOINT_NAME, DESCRIPTION_NAME, WEIGHTS_NAME, CARD_NAME, CARD_TEXT_NAME, PLDA_NAME, LEARNT_NAME,
)  # fmt: skip
"""Files that a training writes; ``encoder.json`` is the last of them."""


def look_at_folder(folder: Path) -> None:
    """Refuse a folder that holds something else than an unfinished training; it need not be there.

    Raises
    ------
    TrainingError
        It is a file, holds an encoder that is ready, or holds other files.
    """
    if folder.exists() and not folder.is_dir():
        raise TrainingError(f"{folder}: is a file; give a folder for the encoder")
    if (folder / DESCRIPTION_NAME).exists():
        raise TrainingError(f"{folder}: holds a trained encoder; give another folder, or remove this one")
    if folder.is_dir() and not (folder / CHECKPOINT_NAME).exists() and any(map(_foreign, folder.iterdir())):
        raise TrainingError(f"{folder}: the folder holds other files; give a new or empty one")


def clear_drafts(folder: Path) -> None:
    """Remove what a training that was killed had half written."""
    for path in folder.glob(".*"):
        if any(path.name.startswith(f".{name}.") for name in OWN_NAMES):
            with suppress(OSError):
                path.unlink()


def _foreign(path: Path) -> bool:
    """Whether a file is none that a training may have left when it was killed."""
    return not any(path.name == name or path.name.startswith(f".{name}.") for name in OWN_NAMES)
