"""What things are called on the page: modalities, attackers, baselines, strata."""

from reid_engine.report.words import NOTHING, one_line

MODALITIES = {
    "CFP": "colour fundus photos",
    "OCT": "OCT scans",
    "CXR": "chest x-rays",
    "CT": "CT scans",
    "MR": "MR scans",
    "XR": "x-rays",
    "MG": "mammograms",
    "US": "ultrasound images",
    "PT": "PET scans",
    "NM": "scintigrams",
    "XA": "x-ray angiograms",
    "FAF": "fundus autofluorescence images",
    "FA": "fluorescein angiograms",
    "SLO": "scanning laser ophthalmoscope images",
}
"""Modalities in the plural."""

LADDER = ("cosine", "whitened", "plda")
"""Attackers, weakest to strongest; one that is not here stands after these."""

ATTACKERS = {"cosine": "cosine", "whitened": "whitened", "plda": "PLDA"}

BASELINES = {
    "demographics": "demographics alone",
    "border-exposure": "border and exposure alone",
    "pixels": "raw pixels",
    "untrained": "untrained network",
}
"""Baselines with a name of their own, from what knows least of the picture to what sees all of it."""

STRATA = {"all": "all pairs"}

SPLIT = {"all": "all images", "re-identified": "re-identified", "not re-identified": "not re-identified"}
"""Strata of a probe."""


def modality(name: object) -> str:
    """Name a modality in the plural."""
    return MODALITIES.get(str(name), one_line(name or "images of unknown kind"))


def attacker(name: object) -> str:
    """Name an attacker."""
    return ATTACKERS.get(str(name), one_line(name or NOTHING))


def encoder(name: object) -> str:
    """Name an encoder or baseline."""
    return BASELINES.get(str(name), one_line(name or NOTHING))


def stratum(name: object) -> str:
    """Name a stratum."""
    return STRATA.get(str(name), one_line(name or NOTHING))


def step(name: object) -> int:
    """Give an attacker's place on the ladder."""
    return LADDER.index(str(name)) if name in LADDER else len(LADDER)
