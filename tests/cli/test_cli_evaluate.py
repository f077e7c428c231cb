"""``reid-engine evaluate``: the table, the report, and what is refused."""

import json

import pytest

from reid_engine.phantom import write_phantom_cohort


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    folder = tmp_path_factory.mktemp("evaluate")
    write_phantom_cohort(folder, subjects=12, sessions=3, modalities=("OCT",), size=128, seed=2)
    return folder


@pytest.fixture(scope="module")
def evaluated(cohort, tmp_path_factory):
    from click.testing import CliRunner

    from reid_engine.cli import program

    out = tmp_path_factory.mktemp("report") / "new"
    return CliRunner().invoke(program, ["evaluate", str(cohort), "--out", str(out), "--json"]), out


def test_standard_output_is_the_report_that_is_saved(evaluated):
    done, out = evaluated
    assert done.exit_code == 0, done.stderr
    assert done.stderr == ""
    report = json.loads(done.stdout)
    assert report == json.loads((out / "report.json").read_text())
    assert report["schema"] == "reid-evaluation/1"
    json.dumps(report, allow_nan=False)


def test_rank_1_and_rank_5_with_chance_and_interval(evaluated):
    report = json.loads(evaluated[0].stdout)
    rows = {
        row["metric"]: row
        for row in report["results"]
        if (row["modality"], row["attacker"], row["stratum"], row["level"]) == ("OCT", "cosine", "all", "image")
    }
    first, fifth = rows["rank-1"], rows["rank-5"]
    assert first["ci95"][0] <= first["value"] <= first["ci95"][1]
    assert first["value"] <= fifth["value"]
    assert first["chance"] == pytest.approx(2 / 35, abs=0.01)
    assert first["value"] > 3 * first["chance"]
    assert (first["subjects"], first["images"]) == (12, 36)


def test_nothing_but_the_report_is_left(evaluated):
    assert not [file for file in evaluated[1].rglob("*") if file.name.startswith(".report")]


def test_people_get_a_table(invoke, cohort, evaluated):
    done = invoke("evaluate", cohort, "--out", evaluated[1])
    assert done.exit_code == 0, done.stderr
    for part in ("Identification", "rank-1", "chance", "OCT", "cosine", "report.json"):
        assert part in done.stdout


def test_a_file_for_the_folder(invoke, refused, cohort):
    assert "is a file" in refused(invoke("evaluate", cohort, "--out", cohort / "manifest.csv"))


def test_no_cohort(invoke, refused, tmp_path):
    assert "no such folder" in refused(invoke("evaluate", tmp_path / "none", "--out", tmp_path / "out"))
    assert not (tmp_path / "out").exists()
