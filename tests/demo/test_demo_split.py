"""What the demo enrols and what it holds out, on tables worked out by hand."""

from pathlib import Path

import pytest

from reid_engine.cohort import Cohort, Sample
from reid_engine.demo.split import IMAGES_OF_A_SUBJECT, split_cohort
from reid_engine.errors import CohortError


@pytest.fixture
def cohort(tmp_path: Path):
    """Make a cohort from rows (subject, session, modality, laterality); each sample has a file."""

    def make(*rows: tuple[str, str | None, str, str | None]) -> Cohort:
        samples = []
        for number, (subject, session, modality, side) in enumerate(rows):
            path = tmp_path / f"{number}.png"
            path.write_bytes(b"")
            samples.append(Sample(path.name, path, subject, session, modality, side))
        return Cohort(tmp_path, tuple(samples))

    return make


def ids(samples) -> list[str]:
    return [sample.sample_id.removesuffix(".png") for sample in samples]


def test_the_last_session_is_held_out_whole(cohort):
    rows = [("A", "s1", "CXR", None), ("A", "s2", "CXR", None), ("A", "s2", "CXR", None), ("B", "s1", "CXR", None)]
    split = split_cohort(cohort(*rows), limit=99, queries=5, strangers=0)
    assert ids(split.queries) in (["1"], ["2"])
    assert ids(split.enrolled.samples) == ["0", "3"]
    assert split.whole_sessions
    assert (split.used, split.available) == (4, 4)


def test_both_eyes_of_the_held_out_visit_are_held_out(cohort):
    rows = [("A", visit, "CFP", eye) for visit in ("s1", "s2") for eye in "LR"]
    split = split_cohort(cohort(*rows), limit=99, queries=5, strangers=0)
    assert ids(split.enrolled.samples) == ["0", "1"]
    assert len(split.queries) == 1
    assert split.same_side


def test_without_sessions_one_image_is_held_out(cohort):
    rows = [("A", None, "OCT", None)] * 3
    split = split_cohort(cohort(*rows), limit=99, queries=5, strangers=0)
    assert ids(split.queries) == ["2"]
    assert ids(split.enrolled.samples) == ["0", "1"]
    assert not split.whole_sessions


def test_where_no_side_is_repeated_the_other_side_counts(cohort):
    rows = [("A", "1", "CFP", "L"), ("A", "1", "CFP", "R")]
    split = split_cohort(cohort(*rows), limit=99, queries=5, strangers=0)
    assert len(split.queries) == len(split.enrolled.samples) == 1
    assert not split.same_side


def test_another_modality_of_the_subject_is_no_repeat(cohort):
    with pytest.raises(CohortError, match="no subject has two images of one modality"):
        split_cohort(cohort(("A", "1", "CFP", None), ("A", "1", "OCT", None)), limit=99, queries=5, strangers=0)


def test_half_of_the_subjects_at_most_are_asked_for(cohort):
    rows = [(subject, visit, "CXR", None) for subject in "ABCDEF" for visit in ("s1", "s2")]
    split = split_cohort(cohort(*rows), limit=99, queries=99, strangers=0)
    assert len(split.queries) == 3
    assert len({sample.subject_id for sample in split.enrolled.samples}) == 6


def test_strangers_are_not_enrolled_at_all(cohort):
    rows = [(subject, visit, "CXR", None) for subject in "ABCD" for visit in ("s1", "s2")]
    rows += [(subject, "s1", "CXR", None) for subject in "EFGH"]
    split = split_cohort(cohort(*rows), limit=99, queries=2, strangers=5)
    enrolled = {sample.subject_id for sample in split.enrolled.samples}
    assert len(split.strangers) == 2  # half of those with one image
    assert {sample.subject_id for sample in split.strangers} < set("EFGH")
    assert not {sample.subject_id for sample in split.strangers} & enrolled
    assert {sample.subject_id for sample in split.queries} <= enrolled


def test_of_many_subjects_with_repeats_some_are_strangers(cohort):
    rows = [(f"P{k}", visit, "CXR", None) for k in range(24) for visit in ("s1", "s2", "s3")]
    split = split_cohort(cohort(*rows), limit=999, queries=4, strangers=3)
    enrolled = {sample.subject_id for sample in split.enrolled.samples}
    assert len(split.strangers) == 3
    assert len(enrolled) == 21
    assert not {sample.subject_id for sample in split.strangers} & enrolled


def test_the_limit_keeps_whole_subjects_with_repeats_first(cohort):
    rows = [(f"S{k}", "s1", "CXR", None) for k in range(10)]
    rows += [(f"P{k}", visit, "CXR", None) for k in range(10) for visit in ("s1", "s2")]
    split = split_cohort(cohort(*rows), limit=12, queries=2, strangers=0)
    assert (split.used, split.available) == (12, 30)
    assert all(s.subject_id.startswith("P") for s in split.enrolled.samples)


def test_no_subject_takes_the_limit_for_himself(cohort):
    rows = [("A", f"s{k:02d}", "CXR", None) for k in range(30)]
    split = split_cohort(cohort(*rows), limit=99, queries=1, strangers=0)
    assert split.used == IMAGES_OF_A_SUBJECT


def test_a_scan_of_several_files_is_enrolled_and_not_sent(cohort, tmp_path):
    folder = tmp_path / "series"
    folder.mkdir()
    made = cohort(("A", "s1", "CT", None), ("B", "s1", "CT", None), ("B", "s2", "CT", None))
    series = Sample("series", folder, "A", "s2", "CT")
    split = split_cohort(Cohort(tmp_path, (*made.samples, series)), limit=99, queries=9, strangers=9)
    assert [sample.subject_id for sample in split.queries] == ["B"]
    assert "series" in [sample.sample_id for sample in split.enrolled.samples]
    with pytest.raises(CohortError, match="two images"):
        split_cohort(Cohort(tmp_path, (made.samples[0], series)), limit=99, queries=9, strangers=9)


def test_the_same_cohort_is_divided_the_same_way(cohort):
    rows = [(f"P{k}", visit, m, None) for k in range(8) for visit in ("s1", "s2") for m in ("CXR", "OCT")]
    made = cohort(*rows)
    first, second = (split_cohort(made, limit=20, queries=3, strangers=1) for _ in range(2))
    assert first == second
    assert {sample.modality for sample in first.queries} == {"CXR", "OCT"}
