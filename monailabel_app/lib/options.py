"""What the operator sets with ``--conf``, read once and checked."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lib.quiet import LOG
from reid_engine.errors import EncoderError, ServeError
from reid_engine.token_file import OPEN_TO_OTHERS, is_open_to_others, read_token

KNOWN = (
    "gallery",
    "encoder",
    "max_upload_mb",
    "workers",
    "remote",
    "hosts",
    "origins",
    "images",
    "token_file",
    "encoders",
)
MONAI_LABEL_OWN = ("server_mode",)
LARGEST_UPLOAD_MB = 4096


@dataclass(frozen=True)
class Options:
    """The app's options.

    Parameters
    ----------
    gallery
        Folder of the gallery; it may be made later by the train task.
    studies
        Folder of the datastore.
    encoder
        Name of the encoder; None takes the gallery's own, or the default for a new gallery.
    max_upload
        Most bytes of an uploaded scan.
    workers
        Checks that run at a time.
    remote
        Whether other machines may use the server, which asks nobody for a password.
    hosts
        Names, besides those of this machine, under which a client may address the server.
    origins
        Web origins, besides loopback ones, whose pages may use the server.
    images
        Whether clients may list the studies and see the pictures of enrolled images.
    token
        What every request must carry; None asks nobody.
    encoders
        Folder for the encoders that the server trains, one folder each; None takes ``encoders`` beside the gallery.
    """

    gallery: Path
    studies: Path
    encoder: str | None = None
    max_upload: int = 512 * 2**20
    workers: int = 2
    remote: bool = False
    hosts: frozenset[str] = frozenset()
    origins: frozenset[str] = frozenset()
    images: bool = False
    token: str | None = field(default=None, repr=False)
    encoders: Path | None = None

    @property
    def encoders_folder(self) -> Path:
        """Folder for the encoders that the server trains; it may not be there yet."""
        return self.encoders or self.gallery.parent / "encoders"


def read_options(conf: Mapping[str, str], studies: str) -> Options:
    """Read ``--conf`` pairs and the studies folder; raise :class:`ReidError` for the first that is wrong."""
    unknown = sorted(set(conf) - set(KNOWN) - set(MONAI_LABEL_OWN))
    if unknown:
        raise ServeError(f"--conf {unknown[0]} is not an option; there are {', '.join(KNOWN)}")
    if studies.startswith(("http://", "https://")):
        raise ServeError("--studies must be a folder; remote datastores are not served")
    gallery = _gallery(conf.get("gallery", ""))
    encoders = _encoders(conf.get("encoders", ""))
    return Options(
        gallery=gallery,
        studies=Path(studies).resolve(),
        encoder=_encoder(conf.get("encoder", ""), encoders or gallery.parent / "encoders"),
        max_upload=int(_number(conf, "max_upload_mb", 512, LARGEST_UPLOAD_MB) * 2**20),
        workers=int(_number(conf, "workers", 2, 64)),
        remote=_yes(conf, "remote"),
        hosts=_names(conf.get("hosts", "")),
        origins=_names(conf.get("origins", "")),
        images=_yes(conf, "images"),
        token=_token(conf.get("token_file")),
        encoders=encoders,
    )


def _gallery(text: str) -> Path:
    if not text.strip():
        raise ServeError("the gallery's folder is missing; add --conf gallery DIR")
    path = Path(text).expanduser().resolve()
    if path.exists() and not path.is_dir():
        raise ServeError(f"--conf gallery {text}: is not a folder; give the gallery's folder")
    return path


def _encoders(text: str) -> Path | None:
    path = Path(text).expanduser().resolve() if text.strip() else None
    if path is not None and path.exists() and not path.is_dir():
        raise ServeError(f"--conf encoders {text}: is not a folder; give one for trained encoders")
    return path


def _encoder(name: str, trained: Path) -> str | None:
    """Give an encoder's full name; the server's own come last: no name that a client chose hides another encoder."""
    from reid_engine.encoder import find_spec
    from reid_engine.encoder.trained import DESCRIPTION_NAME, NAME_PATTERN

    if not name.strip():
        return None
    try:
        return find_spec(name).name
    except EncoderError:
        if NAME_PATTERN.fullmatch(name) and (trained / name / DESCRIPTION_NAME).is_file():
            return find_spec(str(trained / name)).name
        raise


def _number(conf: Mapping[str, str], key: str, default: float, largest: float) -> float:
    text = conf.get(key, str(default))
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value <= largest or (key == "workers" and value != int(value)):
        raise ServeError(f"--conf {key} {text}: give a number above 0 and up to {largest:g}")
    return value


def _yes(conf: Mapping[str, str], key: str) -> bool:
    text = conf.get(key, "no")
    if text.lower() not in ("yes", "no"):
        raise ServeError(f"--conf {key} {text}: say yes or no")
    return text.lower() == "yes"


def _token(file: str | None) -> str | None:
    if file is None:
        return None
    path = Path(file).expanduser()
    token = read_token(path)
    if is_open_to_others(path):
        LOG.warning(OPEN_TO_OTHERS)
    return token


def _names(text: str) -> frozenset[str]:
    return frozenset(name.strip().lower().rstrip("/") for name in text.split(",") if name.strip())
