"""``reid-engine evaluate``: the table, the report, and what is refused."""

import json
import shutil

import pandas as pd
import pytest
from conftest import assert_one_line

from reid_engine.cohort import read_cohort
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
        if (row["kind"], row["attacker"], row["stratum"], row["level"]) == ("encoder", "cosine", "all", "image")
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
    for part in ("Identification", "rank-1", "chance", "OCT", "cosine", "whitened", "pixels", "report.html"):
        assert part in done.stdout


def test_the_page_and_the_table_of_queries_are_there(evaluated):
    out = evaluated[1]
    page = (out / "report.html").read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>")
    assert page.count("data:image/png;base64,") >= 2  # the examples
    queries = pd.read_csv(out / "queries.csv")
    assert set(queries["attacker"]) == {"cosine", "whitened"}  # too few people for PLDA
    assert len(queries) == 2 * 36
    report = json.loads(evaluated[0].stdout)
    (first,) = [
        row
        for row in report["results"]
        if (row["kind"], row["attacker"], row["stratum"], row["level"], row["metric"])
        == ("encoder", "whitened", "all", "image", "rank-1")
    ]
    assert queries.loc[queries["attacker"] == "whitened", "hit"].mean() == pytest.approx(first["value"])


def test_for_sharing_no_picture_and_no_image_is_named(invoke, cohort, evaluated, tmp_path):
    out = shutil.copytree(evaluated[1], tmp_path / "out")
    done = invoke("evaluate", cohort, "--out", out, "--no-images", "--json")
    assert done.exit_code == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["shareable"] is True
    page = (out / "report.html").read_text(encoding="utf-8")
    names = [sample.sample_id for sample in read_cohort(cohort).samples]
    for text in (page, (out / "report.json").read_text()):
        assert "data:image/png" not in text
        assert not [name for name in names if name in text]
    assert all(row["value"] is None for row in report["results"] if (row["subjects"] or 0) < 10)


def test_the_gate_fails_in_one_line(invoke, cohort, evaluated):
    done = invoke("evaluate", cohort, "--out", evaluated[1], "--max-rank1", "0.05", "--max-share-above", "0.5:0.9")
    assert done.exit_code == 1
    assert assert_one_line(done.stderr)
    assert "rank-1" in done.stderr
    passed = invoke("evaluate", cohort, "--out", evaluated[1], "--max-rank1", "1.0")
    assert passed.exit_code == 0, passed.stderr
    assert passed.stderr == ""


@pytest.mark.parametrize("limit", [("--max-rank1", "5%"), ("--max-share-above", "0.5"), ("--max-leakage", "sex:2")])
def test_a_limit_that_makes_no_sense(invoke, refused, cohort, tmp_path, limit):
    refused(invoke("evaluate", cohort, "--out", tmp_path / "out", *limit))
    assert not (tmp_path / "out").exists()


def test_baselines_can_be_left_out(invoke, cohort, evaluated):
    done = invoke("evaluate", cohort, "--out", evaluated[1], "--no-baselines", "--json")
    assert {row["encoder"] for row in json.loads(done.stdout)["results"]} == {"reid-lite0", "demographics"}


def test_more_weights_than_encoders(invoke, refused, cohort, tmp_path):
    (tmp_path / "w").write_bytes(b"x")
    words = ("--weights", tmp_path / "w", "--weights", tmp_path / "w")
    assert "2 weights files" in refused(invoke("evaluate", cohort, "--out", tmp_path / "out", *words))


def test_a_file_for_the_folder(invoke, refused, cohort):
    assert "is a file" in refused(invoke("evaluate", cohort, "--out", cohort / "manifest.csv"))


def test_no_cohort(invoke, refused, tmp_path):
    assert "no such folder" in refused(invoke("evaluate", tmp_path / "none", "--out", tmp_path / "out"))
    assert not (tmp_path / "out").exists()
