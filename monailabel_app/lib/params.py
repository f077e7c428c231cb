"""What a client may ask of a check or a train task, and nothing else."""

import json
import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, NoReturn, Self

from lib.failures import Refusal
from reid_engine.measures import MEASURES
from reid_engine.scan import MODALITIES

LONGEST = 16 * 1024
"""Most characters of the form field ``params``."""

MOST_MATCHES = 100
LARGEST_POPULATION = 10**10
MOST_ATTRIBUTES = 100
LONGEST_ATTRIBUTE = 200
LONGEST_SUBJECT = 1000


@dataclass(frozen=True)
class ScanParams:
    """Validated parameters of what is asked of one scan; the defaults are those of the library."""

    modality: str | None = None
    prior_enrolled: float = 0.5
    population: int | None = None
    window: tuple[float, float] | None = None
    invert: bool = False

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the form field ``params``, a JSON object; raise :class:`Refusal` where it isn't taken."""
        values = read_object(text, [field.name for field in fields(cls)])
        return cls(**{key: _READERS[key](value) for key, value in values.items() if value is not None})

    @classmethod
    def of(cls, request: Mapping[str, Any]) -> Self:
        """Pick the parameters, validated before, out of a MONAI Label request."""
        return cls(**{field.name: request[field.name] for field in fields(cls) if field.name in request})

    def as_request(self) -> dict[str, Any]:
        """Give them as keys of a MONAI Label request."""
        return asdict(self)


@dataclass(frozen=True)
class CheckParams(ScanParams):
    """Of a check; `explain_subject` is whose match the map shows, the most alike subject's where it is None."""

    top: int = 10
    explain_subject: str | None = None


@dataclass(frozen=True)
class MeasureParams(ScanParams):
    """Of a comparison of measures; None compares all that suit the scan."""

    measures: tuple[str, ...] | None = None


@dataclass(frozen=True)
class ProbeParams:
    """Validated parameters of the train task that fits probes; None probes every attribute."""

    attributes: tuple[str, ...] | None = None

    @classmethod
    def parse(cls, text: str) -> "ProbeParams":
        """Read the request's body, a JSON object or nothing; raise :class:`Refusal` where it isn't taken."""
        values = read_object("" if text.strip() == "null" else text, ("attributes",))
        given = values.get("attributes")
        return cls(None if given is None else _attributes(given))

    @classmethod
    def of(cls, request: Mapping[str, Any]) -> "ProbeParams":
        """Pick the parameters, validated before, out of a MONAI Label request."""
        given = request.get("attributes")
        return cls(None if given is None else tuple(given))

    def as_request(self) -> dict[str, Any]:
        """Give them as keys of a MONAI Label request."""
        return {} if self.attributes is None else {"attributes": list(self.attributes)}


def read_object(text: str, known: Collection[str]) -> dict[str, Any]:
    """Read a JSON object of known keys; an empty text is an empty one."""
    if len(text) > LONGEST:
        raise Refusal(413, "params is too long")
    try:
        values = json.loads(text or "{}", parse_constant=_no_constant, object_pairs_hook=_no_twins)
    except (ValueError, RecursionError):
        raise Refusal(400, "params is not a JSON object with each key once") from None
    if not isinstance(values, dict):
        raise Refusal(400, "params must be a JSON object")
    if set(values) - set(known):
        raise Refusal(400, f"params has a key that is not taken; known are {', '.join(known)}")
    return values


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        raise ValueError("a key is given twice")
    return values


def _attributes(value: Any) -> tuple[str, ...]:
    names = value if isinstance(value, list) and 1 <= len(value) <= MOST_ATTRIBUTES else []
    if not names or not all(isinstance(name, str) and 0 < len(name) <= LONGEST_ATTRIBUTE for name in names):
        raise Refusal(422, f"attributes must be a list of 1 to {MOST_ATTRIBUTES} names of columns")
    return tuple(dict.fromkeys(names))


def _modality(value: Any) -> str | None:
    known = isinstance(value, str) and (value.upper() in MODALITIES or value.lower() in ("", "unknown"))
    if not known:
        raise Refusal(422, f"modality must be one of {', '.join(MODALITIES)}, or null to find it out")
    return value.upper() if value.upper() in MODALITIES else None


def _number(value: Any) -> float:
    """Give a finite float, or NaN, which no range holds."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.nan


def whole_number(name: str, least: int, most: int) -> Callable[[Any], int]:
    """Make a reader of a whole number in a range."""

    def read(value: Any) -> int:
        if not least <= _number(value) <= most or value != int(value):
            raise Refusal(422, f"{name} must be a whole number from {least} to {most}")
        return int(value)

    return read


def share(name: str) -> Callable[[Any], float]:
    """Make a reader of a number above 0 and up to 1."""

    def read(value: Any) -> float:
        if not 0 < _number(value) <= 1:
            raise Refusal(422, f"{name} must be a number above 0 and up to 1")
        return float(value)

    return read


def flag(name: str) -> Callable[[Any], bool]:
    """Make a reader of true or false."""

    def read(value: Any) -> bool:
        if not isinstance(value, bool):
            raise Refusal(422, f"{name} must be true or false")
        return value

    return read


def _window(value: Any) -> tuple[float, float]:
    numbers = [_number(v) for v in value] if isinstance(value, list) and len(value) == 2 else []
    if not numbers or not all(map(math.isfinite, numbers)) or not numbers[1] > 0:
        raise Refusal(422, "window must be [centre, width] with a width above 0")
    return numbers[0], numbers[1]


def _subject(value: Any) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_SUBJECT:
        raise Refusal(422, "explain_subject must be the subject_id of one of the matches")
    return value


def _measures(value: Any) -> tuple[str, ...]:
    names = value if isinstance(value, list) and 1 <= len(value) <= len(MEASURES) else []
    known = [measure.name for measure in MEASURES]
    if not names or not all(isinstance(name, str) and name in known for name in names):
        raise Refusal(422, f"measures must be a list of some of {', '.join(known)}")
    return tuple(dict.fromkeys(names))


_READERS: dict[str, Callable[[Any], Any]] = {
    "modality": _modality,
    "prior_enrolled": share("prior_enrolled"),
    "population": whole_number("population", 1, LARGEST_POPULATION),
    "top": whole_number("top", 1, MOST_MATCHES),
    "window": _window,
    "invert": flag("invert"),
    "explain_subject": _subject,
    "measures": _measures,
}
