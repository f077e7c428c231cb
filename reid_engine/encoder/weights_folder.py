"""A folder of weights: whose file is whose; standard library only."""

from pathlib import Path

from reid_engine.encoder.spec import HUB_FILES, EncoderSpec
from reid_engine.errors import EncoderError

SUFFIXES = (".safetensors", ".pth", ".pt", ".bin")


def find_weights(path: Path, spec: EncoderSpec) -> Path:
    """Give an encoder's weights file: `path` itself, or the one in it when it is a folder.

    In a folder the file that bears the encoder's own name for it is taken, else the only weights file there.

    Raises
    ------
    EncoderError
        The folder holds no weights, or several files none of which is known to be the encoder's.
    """
    if not path.is_dir():
        return path
    own = named_weights(path, spec) or _first(path, HUB_FILES)
    if own is not None:
        return own
    files = sorted(file for file in path.iterdir() if file.suffix in SUFFIXES and file.is_file())
    if len(files) == 1:
        return files[0]
    wanted = ", ".join(spec.files or HUB_FILES)
    if not files:
        raise EncoderError(f"{path}: the folder holds no weights for {spec.name}; it would be {wanted}")
    names = ", ".join(file.name for file in files[:4])
    raise EncoderError(
        f"{path}: the folder holds {len(files)} weights files ({names}); name one of them for {spec.name}"
    )


def named_weights(folder: Path, spec: EncoderSpec) -> Path | None:
    """Give the file whose name, or whose folder's name, says that it is the encoder's; None without one.

    Names are those of the published file, as ``RETFound_mae_meh.pth``, or of a copied repository, as
    ``rad-dino/model.safetensors``.
    """
    telling = tuple(file for file in spec.files if file not in HUB_FILES)
    return _first(folder, telling) or (_first(folder / spec.repository, spec.files) if spec.repository else None)


def _first(folder: Path, names: tuple[str, ...]) -> Path | None:
    return next((folder / name for name in names if (folder / name).is_file()), None)
