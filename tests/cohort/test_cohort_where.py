"""A part of a cohort, by the values of its columns."""

import pytest
from click.testing import CliRunner

from reid_engine.cli import program
from reid_engine.cohort import read_cohort
from reid_engine.errors import CohortError


@pytest.fixture
def cohort(tmp_path):
    rows = ["a.png,P1,CXR,40,nih", "b.png,P1,OCT,41.5,nih", "c.png,P2,CXR,,other", "d.png,P3,CXR,40,"]
    (tmp_path / "manifest.csv").write_text("file,subject_id,modality,age,dataset\n" + "\n".join(rows) + "\n")
    for name in "abcd":
        (tmp_path / f"{name}.png").write_bytes(b"x")
    return read_cohort(tmp_path)


@pytest.mark.parametrize(
    ("wanted", "left"),
    [
        ({"modality": {"CXR"}}, ["a.png", "c.png", "d.png"]),
        ({"dataset": {"nih", "other"}}, ["a.png", "b.png", "c.png"]),
        ({"dataset": {"nih"}, "modality": {"CXR"}}, ["a.png"]),
        ({"age": {"40"}}, ["a.png", "d.png"]),
        ({"age": {"41.5"}}, ["b.png"]),
    ],
)
def test_samples_of_the_values_are_kept(cohort, wanted, left):
    part = cohort.where(wanted)
    assert [sample.sample_id for sample in part.samples] == left
    assert part.attribute_names == cohort.attribute_names


def test_an_unknown_column_and_a_value_nobody_has_are_refused(cohort):
    with pytest.raises(CohortError, match=r"no column 'colour'; there are subject_id, .*, dataset"):
        cohort.where({"colour": {"red"}})
    with pytest.raises(CohortError, match="no sample has modality CT or MR"):
        cohort.where({"modality": {"CT", "MR"}})


def test_the_command_says_what_is_wrong_with_a_condition(cohort):
    words = ["train", str(cohort.root), "--out", str(cohort.root / "out"), "--where", "modality"]
    done = CliRunner().invoke(program, words)
    assert done.exit_code == 2
    assert "'modality' is not COLUMN=VALUE" in done.stderr
