"""Finding the rows of a report: which groups it has, who the strongest attacker is, what the baselines are."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from reid_engine.report.page import names
from reid_engine.report.page.numbers import finite
from reid_engine.report.words import one_line

Json = Mapping[str, Any]


@dataclass(frozen=True, order=True)
class Group:
    """What is measured by itself: one modality of one dataset."""

    dataset: str
    modality: str

    @property
    def label(self) -> str:
        """Its name, such as "CXR" or "hospital A · CXR"."""
        return f"{self.dataset} · {self.modality}" if self.dataset else self.modality

    @property
    def images(self) -> str:
        """What its images are, in words."""
        return names.modality(self.modality) + (f" of {self.dataset}" if self.dataset else "")


@dataclass(frozen=True)
class Attack:
    """An encoder, or a baseline, with an attacker."""

    encoder: str
    attacker: str

    @property
    def label(self) -> str:
        """Both in words; a baseline's attacker is said only where it is more than the plain one."""
        name = names.encoder(self.encoder)
        plain = self.encoder in names.BASELINES and self.attacker in ("", names.LADDER[0], self.encoder)
        return name if plain or not self.attacker else f"{name}, {names.attacker(self.attacker)}"


def group_of(row: Json) -> Group:
    """Give the group that a row belongs to."""
    return Group(one_line(row.get("dataset") or ""), one_line(row.get("modality") or "unknown"))


def attack_of(row: Json) -> Attack:
    """Give the attack that a row was measured with."""
    return Attack(str(row.get("encoder") or ""), str(row.get("attacker") or ""))


def is_baseline(row: Json) -> bool:
    """Tell a baseline's row from an encoder's."""
    return row.get("kind") == "baseline" or row.get("encoder") in names.BASELINES


Key = tuple[Group, Attack, str, str, str]


@dataclass(frozen=True)
class Results:
    """The long table, by group, attack, stratum, level and metric.

    Attributes
    ----------
    rows
        As they came.
    groups
        Every group, in the report's order.
    """

    rows: Sequence[Json]
    groups: Sequence[Group]
    _places: Mapping[Key, Json] = field(repr=False)
    _strata: Mapping[Group, Sequence[str]] = field(repr=False)
    _attacks: Mapping[tuple[Group, bool], Sequence[Attack]] = field(repr=False)

    @classmethod
    def of(cls, rows: Iterable[Json]) -> "Results":
        """Index the rows; of two with the same key the first counts."""
        kept = list(rows)
        places: dict[Key, Json] = {}
        strata: dict[Group, dict[str, None]] = {}
        attacks: dict[tuple[Group, bool], dict[Attack, None]] = {}
        for row in kept:
            group, attack, stratum = group_of(row), attack_of(row), str(row.get("stratum"))
            places.setdefault((group, attack, stratum, str(row.get("level")), str(row.get("metric"))), row)
            strata.setdefault(group, {})[stratum] = None
            attacks.setdefault((group, is_baseline(row)), {})[attack] = None
        return cls(
            rows=kept,
            groups=list(strata),
            _places=places,
            _strata={group: sorted(found, key=lambda name: name != "all") for group, found in strata.items()},
            _attacks={key: _up_the_ladder(list(found), baselines=key[1]) for key, found in attacks.items()},
        )

    def find(self, group: Group, attack: Attack, stratum: str, level: str, metric: str) -> Json | None:
        """Give one row."""
        return self._places.get((group, attack, stratum, level, metric))

    def rank1(self, group: Group, attack: Attack, stratum: str = "all", level: str = "image") -> Json | None:
        """Give the row of rank-1."""
        return self.find(group, attack, stratum, level, "rank-1")

    def attacks(self, group: Group, *, baselines: bool) -> Sequence[Attack]:
        """Give the encoders' attacks in the report's order of encoders and up the ladder, or the baselines'."""
        return self._attacks.get((group, baselines), ())

    def strata(self, group: Group) -> Sequence[str]:
        """Give the strata of a group, in the report's order, all pairs first."""
        return self._strata.get(group, ())

    def strongest(self, group: Group, attacks: Sequence[Attack] | None = None) -> Attack | None:
        """Give the attack with the highest rank-1 over all pairs; without a rate, the last up the ladder.

        Of several the highest is taken as if it had been known beforehand: an error, if it is one, on the safe side.
        """
        attacks = self.attacks(group, baselines=False) if attacks is None else attacks
        if not attacks:
            return None
        rates = [finite((self.rank1(group, attack) or {}).get("value")) for attack in attacks]
        known = [-1.0 if rate is None else rate for rate in rates]
        return max(zip(known, attacks, strict=True), key=lambda one: (one[0], names.step(one[1].attacker)))[1]

    def proven(self, group: Group) -> Attack | None:
        """Give the strongest attack where its rate is known."""
        attack = self.strongest(group)
        row = None if attack is None else self.rank1(group, attack)
        return attack if row is not None and finite(row.get("value")) is not None else None

    def shown(self, group: Group) -> list[Attack]:
        """Give what a figure shows: the strongest attack, the plain one of its encoder, and each baseline's best."""
        strongest = self.strongest(group)
        chosen = [] if strongest is None else [strongest, Attack(strongest.encoder, names.LADDER[0])]
        return list(dict.fromkeys(chosen + self.best_baselines(group)))

    def best_baselines(self, group: Group) -> list[Attack]:
        """Give for each baseline the attack with the highest rate."""
        return self._best(group, self.attacks(group, baselines=True))

    def best_encoders(self, group: Group) -> list[Attack]:
        """Give for each encoder the attack with the highest rate."""
        return self._best(group, self.attacks(group, baselines=False))

    def _best(self, group: Group, attacks: Sequence[Attack]) -> list[Attack]:
        encoders = dict.fromkeys(attack.encoder for attack in attacks)
        best = [self.strongest(group, [one for one in attacks if one.encoder == name]) for name in encoders]
        return [attack for attack in best if attack is not None]


def _up_the_ladder(found: Sequence[Attack], *, baselines: bool) -> list[Attack]:
    order = list(names.BASELINES) if baselines else []
    order += [one.encoder for one in found if one.encoder not in order]
    return sorted(found, key=lambda one: (order.index(one.encoder), names.step(one.attacker)))
