"""``reid-engine train``, as people type it."""

import json
import os
import subprocess
import sys
import time

import pytest
from click.testing import CliRunner

from reid_engine.cli import program
from reid_engine.phantom import write_phantom_cohort

MINUTES = 3
"""Longest that the small training may take."""


def run(*words):
    return subprocess.run(
        [sys.executable, "-m", "reid_engine.cli", *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
        env=dict(os.environ),
    )


def invoke(*words):
    return CliRunner().invoke(program, [str(word) for word in words])


@pytest.mark.slow
def test_training_improves_rank_1_of_people_it_never_saw(tmp_path):
    """60 synthetic subjects with 4 chest x-rays each: 36 are trained on, 12 choose the epoch, 12 are judged."""
    cohort = tmp_path / "cohort"
    write_phantom_cohort(cohort, subjects=60, sessions=4, modalities=("CXR",), size=128)
    out = tmp_path / "lungs"
    start = time.monotonic()
    done = run(
        "train", cohort, "--out", out, "--size", 96, "--epochs", 4, "--frozen-epochs", 1, "--subjects", 12, "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - start < 60 * MINUTES
    held = json.loads(done.stdout)["card"]["held_out"]
    assert (held["subjects"], held["queries"]) == (12, 48)
    assert held["after"]["value"] > held["before"]["value"] + 0.05
    assert held["gain"]["value"] == pytest.approx(held["after"]["value"] - held["before"]["value"])


@pytest.mark.slow
def test_the_encoder_is_taken_by_every_command(tmp_path, small_cohort):
    out, gallery = tmp_path / "tiny", tmp_path / "gallery"
    words = ["--size", 64, "--epochs", 1, "--subjects", 2, "--images", 2]
    done = invoke("train", small_cohort, "--out", out, *words)
    assert done.exit_code == 0, done.stderr
    assert "Rank-1 of 6 images of 2 other subjects" in done.stdout
    done = invoke("enrol", small_cohort, "--gallery", gallery, "--encoder", out, "--json")
    assert done.exit_code == 0, done.stderr
    name = json.loads(done.stdout)["encoder"]["name"]
    assert name.startswith("trained:tiny-")
    scan = sorted(small_cohort.glob("*.png"))[0]
    done = invoke("check", scan, "--gallery", gallery, "--json")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["encoder"]["name"] == name
    done = invoke("check", scan, "--gallery", gallery, "--encoder", "efficientnet-lite0")
    assert done.exit_code == 2
    assert f"was made with the encoder {name}" in done.stderr
    done = invoke("evaluate", small_cohort, "--out", tmp_path / "report", "--encoder", out, "--no-baselines", "--json")
    assert done.exit_code == 0, done.stderr
    assert name in {row["encoder"] for row in json.loads(done.stdout)["results"]}
    words = ["--encoder", out, "--encoder", "efficientnet-lite0", "--unseen", "--no-baselines", "--json"]
    done = invoke("evaluate", small_cohort, "--out", tmp_path / "unseen", *words)
    assert done.exit_code == 0, done.stderr
    assert {row["subjects"] for row in json.loads(done.stdout)["results"] if row["stratum"] == "all"} <= {0, 2}
    done = invoke("evaluate", small_cohort, "--out", tmp_path / "unseen", "--unseen")
    assert done.exit_code == 2
    assert "--unseen takes one trained encoder" in done.stderr
    out.rename(tmp_path / "elsewhere")
    done = invoke("check", scan, "--gallery", gallery)
    assert done.exit_code == 2
    assert "give its folder with --encoder DIR" in done.stderr
    done = invoke("check", scan, "--gallery", gallery, "--encoder", tmp_path / "elsewhere", "--json")
    assert done.exit_code == 0, done.stderr


def test_an_unreadable_image_is_refused_and_the_others_are_used(tmp_path, small_cohort):
    import shutil

    cohort = shutil.copytree(small_cohort, tmp_path / "cohort")
    broken = sorted(cohort.glob("*.png"))[0]
    broken.write_bytes(broken.read_bytes()[:300])
    words = ["--size", 64, "--epochs", 1, "--subjects", 2, "--images", 2, "--json"]
    done = invoke("train", cohort, "--out", tmp_path / "out", *words)
    assert done.exit_code == 2
    assert "1 of 30 images were refused" in done.stderr
    answer = json.loads(done.stdout)
    assert len(answer["refused"]) == answer["card"]["data"]["refused"] == 1
    assert (tmp_path / "out" / "encoder.json").is_file()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--name", "a/b"], "cannot be an encoder's name"),
        (["--loss", "hinge"], "hinge"),
        (["--encoder", "nobody-knows-it"], "no encoder is called"),
        (["--weights", "missing.pth"], "there is no such weights file"),
    ],
)
def test_bad_words_are_one_line(tmp_path, small_cohort, words, said):
    done = invoke("train", small_cohort, "--out", tmp_path / "out", *words)
    assert done.exit_code == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_cohort_of_single_images_is_refused_before_anything_is_loaded(tmp_path):
    cohort = write_phantom_cohort(tmp_path / "c", subjects=12, sessions=1, modalities=("CXR",), size=64)
    done = invoke("train", cohort, "--out", tmp_path / "out")
    assert done.exit_code == 2
    assert "no subject has two images" in done.stderr
    assert not (tmp_path / "out").exists()


def test_of_two_ways_to_say_the_bits_one_is_taken(tmp_path, small_cohort):
    done = invoke("train", small_cohort, "--out", tmp_path / "out", "--half", "--bits", 8)
    assert done.exit_code == 2
    assert "--half is --bits 16; leave one of them out" in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_networks_and_bits_are_asked_for_on_the_command_line(tmp_path, small_cohort):
    words = ["--size", 64, "--epochs", 1, "--subjects", 2, "--images", 2, "--json"]
    done = invoke("train", small_cohort, "--out", tmp_path / "both", "--members", 2, "--bits", 8, *words)
    assert done.exit_code == 0, done.stderr
    asked = json.loads(done.stdout)["card"]["settings"]
    assert (asked["members"], asked["bits"]) == (2, 8)
    done = invoke("train", small_cohort, "--out", tmp_path / "half", "--half", *words)
    assert json.loads(done.stdout)["card"]["settings"]["bits"] == 16
    sizes = [(tmp_path / name / "encoder.safetensors").stat().st_size for name in ("both", "half")]
    assert sizes[0] < 1.2 * sizes[1]  # two networks, half the bits, and the batch norms' in full
