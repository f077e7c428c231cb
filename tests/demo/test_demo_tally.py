"""Counting hits, on a table worked out by hand."""

from pathlib import Path

from reid_engine.cohort import Cohort, Sample
from reid_engine.demo.tally import Checked, rank1_table


def checked(subject: str, top: str | None, level: str = "low") -> Checked:
    report = {
        "scan": {"modality": "CXR"},
        "risk": {"level": level, "p_reidentified": None},
        "matches": [{"subject_id": top}] if top else [],
    }
    return Checked(Sample("q", Path("q"), subject, modality="CXR"), report)


def test_hits_chance_and_strangers():
    enrolled = Cohort(Path(), tuple(Sample(str(k), Path(), s, modality="CXR") for k, s in enumerate("AABC")))
    (line,) = rank1_table(
        [checked("A", "A"), checked("B", "A"), checked("C", None)],
        [checked("X", "A", "high"), checked("Y", "B")],
        enrolled,
    )
    assert (line.queries, line.hits, line.strangers, line.strangers_high) == (3, 1, 2, 1)
    assert line.rate == 1 / 3
    assert line.chance == (2 / 4 + 1 / 4 + 1 / 4) / 3


def test_a_check_in_json_says_what_was_true():
    values = checked("A", "B", "high").to_json()
    assert (values["subject_id"], values["top_subject_id"], values["correct"]) == ("A", "B", False)
