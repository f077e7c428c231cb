"""How it was measured: versions, seeds and settings, and every term in one line."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from reid_engine.report.page.numbers import finite
from reid_engine.report.words import one_line

Json = Mapping[str, Any]

LABELS = {
    "reid_engine": "reid-engine",
    "python": "Python",
    "packages": "packages",
    "encoders": "encoder",
    "seed": "seed of all random draws",
    "bootstrap_draws": "resamples behind every interval",
    "permutations": "permutations behind every test",
    "folds": "folds of subjects",
    "near_duplicate_similarity": "near-duplicate from this similarity on",
}

DEFINITIONS = (
    ("Rank-1 (images)", "share of images, of people with two or more, whose nearest other image is of the same person"),
    ("Any / every image (people)", "share of people of whom at least one, or every, image is re-identified"),
    ("Chance", "the same in random order, exact for each image's number of mates"),
    ("95 % interval", "from resampling people, never images"),
    ("Cosine", "similarity of the mean-centred features"),
    ("Whitened", "the same after weighing down what varies most among all images"),
    ("PLDA", "a model of people and visits, trained on other people"),
    ("Baselines", "the same search without learned anatomy: raw pixels, the network before training, border and "
     "exposure with the anatomy masked, demographics from the table"),
    ("Near-duplicates", "the same exposure, re-encoded or slightly edited; judged on the anatomy, not on the border"),
    ("CMC", "share of images whose person is among the k nearest, against k"),
    ("AUC, EER, DET", "how well scores tell one person from two; one vote a person, one a pair of people"),
    ("Cllr, min-Cllr", "cost of the likelihood ratios as they are, and after ideal calibration: 0 perfect, 1 useless"),
    ("ECE", "expected calibration error: mean distance of stated probability and observed share"),
    ("FNIR at FPIR", "people missed when false alarms for people who are not enrolled are held to a rate"),
    ("precision@1, mAP@R", "rank-1, and mean average precision among the R nearest, R being the number of mates"),
    ("Gallery size", "rank-1 in smaller galleries drawn at random from this cohort, in the mean; never extrapolated"),
    ("Leakage", "a probe trained and judged on different people, and how re-identified images differ in it"),
)  # fmt: skip
"""Every term of the page in one line; the formulas are in docs/method.md."""


def settings(environment: Json) -> list[tuple[str, str]]:
    """Give what a report was measured with as names and values."""
    return list(_flat(environment))


def _flat(environment: Json) -> Iterator[tuple[str, str]]:
    for key, value in environment.items():
        if value is None or value == [] or value == {}:
            continue
        name = LABELS.get(str(key), one_line(str(key).replace("_", " ")))
        if (
            isinstance(value, Sequence)
            and not isinstance(value, str)
            and any(isinstance(one, Mapping) for one in value)
        ):
            for place, one in enumerate(value):
                yield (name if len(value) == 1 else f"{name} {place + 1}"), _text(one)
        else:
            yield name, _text(value)


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{one_line(key)} {_text(held)}" for key, held in value.items() if held is not None)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(_text(held) for held in value if held is not None)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return str(value)
    known = finite(value)
    return f"{known:g}" if known is not None else one_line("" if isinstance(value, float) else value)
