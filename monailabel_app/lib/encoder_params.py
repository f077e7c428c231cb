"""What a client may ask of the train task that trains an encoder, and nothing else: no path is among it."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from lib.failures import Refusal
from lib.params import flag, read_object, share, whole_number
from reid_engine.encoder.registry import IMAGENET_ENCODER, specs
from reid_engine.encoder.spec import MOST_MEMBERS
from reid_engine.encoder.trained import NAME_PATTERN
from reid_engine.training.settings import LOSSES, TrainingSettings

LARGEST_BATCH = 64 * 520**2
"""Most pixels of a batch, subjects times images times the square of the size: the default batch at 518 pixels fits."""

_DEFAULTS = TrainingSettings()


@dataclass(frozen=True)
class EncoderParams:
    """Validated parameters of one training; the defaults are those of ``reid-engine train``."""

    name: str
    encoder: str = IMAGENET_ENCODER
    size: int | None = None
    second_size: int | None = None
    whole: bool = False
    mirror: bool = False
    tile_step: float | None = None
    members: int = _DEFAULTS.members
    loss: str = _DEFAULTS.loss
    epochs: int = _DEFAULTS.epochs
    subjects: int = _DEFAULTS.subjects
    images: int = _DEFAULTS.images
    seed: int = _DEFAULTS.seed

    @classmethod
    def parse(cls, text: str) -> "EncoderParams":
        """Read the request's body, a JSON object; raise :class:`Refusal` where it isn't taken."""
        values = read_object("" if text.strip() == "null" else text, _READERS)
        given = {key: _READERS[key](value) for key, value in values.items() if value is not None}
        if "name" not in given:
            raise Refusal(422, "name is missing: what the encoder is to be called")
        params = cls(**given)
        spec = next(spec for spec in specs() if spec.name == params.encoder)
        side = params.size or (spec.recipe.size if spec.recipe else 0)
        if params.subjects * params.images * side**2 > LARGEST_BATCH:
            raise Refusal(422, "a batch is too large; lower size, subjects or images")
        if not spec.at_hand:
            raise Refusal(409, f"{spec.name}: its weights are not on the server; the operator brings them")
        return params

    @classmethod
    def of(cls, request: Mapping[str, Any]) -> "EncoderParams":
        """Pick the parameters, validated before, out of a MONAI Label request."""
        return cls(**{field.name: request[field.name] for field in fields(cls) if field.name in request})

    def as_request(self) -> dict[str, Any]:
        """Give them as keys of a MONAI Label request."""
        return asdict(self)

    def settings(self) -> TrainingSettings:
        """Give them as the library takes them."""
        return TrainingSettings(
            loss=self.loss,
            epochs=self.epochs,
            subjects=self.subjects,
            images=self.images,
            seed=self.seed,
            members=self.members,
        )


def _name(value: Any) -> str:
    if not isinstance(value, str) or not NAME_PATTERN.fullmatch(value):
        raise Refusal(
            422, "name must be 1 to 64 letters, digits, dots, hyphens and underscores, and begin with a letter or digit"
        )
    return value


def _one_of(name: str, known: tuple[str, ...]) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if not isinstance(value, str) or value not in known:
            raise Refusal(422, f"{name} must be one of {', '.join(known)}")
        return value

    return read


_READERS: dict[str, Callable[[Any], Any]] = {
    "name": _name,
    "encoder": _one_of("encoder", tuple(spec.name for spec in specs())),
    "size": whole_number("size", 32, 1024),
    "second_size": whole_number("second_size", 32, 1024),
    "whole": flag("whole"),
    "mirror": flag("mirror"),
    "tile_step": share("tile_step"),
    "members": whole_number("members", 1, MOST_MEMBERS),
    "loss": _one_of("loss", LOSSES),
    "epochs": whole_number("epochs", 1, 1000),
    "subjects": whole_number("subjects", 2, 256),
    "images": whole_number("images", 2, 64),
    "seed": whole_number("seed", 0, 2**31),
}
