"""Where patches can be compared, the map points at what is in the matched image and in nobody else's."""

import json
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from marked import BOX, MARKED, SEED, SIZE, in_mark, stamp
from PIL import Image
from small_vits import KINDS, small_vit, write_vit

from reid_engine.cohort import Cohort, Sample, read_cohort
from reid_engine.encoder.preprocessing import choose_slices
from reid_engine.explanation import SamplePictures, explain
from reid_engine.explanation.correspondence import OTHERS, TRIES, Correspondence
from reid_engine.matcher.enrolment import enrol
from reid_engine.matcher.gallery import Gallery
from reid_engine.phantom import phantom_scan
from reid_engine.risk import RiskAssessor
from reid_engine.scan import read_scan

PERSON = 7


@dataclass
class Place:
    assessor: RiskAssessor
    cohort: Cohort
    asked: list[str]

    def pictures(self, **instead):
        """Give the cohort's pictures, some of them others; note which were asked for."""
        samples = {one.sample_id: one for one in self.cohort.samples}
        read = SamplePictures(samples.get)

        def find(sample_id):
            self.asked.append(sample_id)
            return instead[sample_id]() if sample_id in instead else read(sample_id)

        return find

    def explain(self, scan, subject=MARKED, **instead):
        self.asked.clear()
        return explain(self.assessor, scan, subject, enrolled=self.pictures(**instead))


def enrolled(folder, cohort, encoder):
    gallery = Gallery.create(folder / "gallery", encoder.identity)
    enrol(cohort, gallery, encoder)
    return Place(RiskAssessor(gallery, encoder), cohort, [])


@pytest.fixture(scope="module", params=KINDS)
def place(request, tmp_path_factory, marked_cohort):
    return enrolled(tmp_path_factory.mktemp("vit"), read_cohort(marked_cohort), small_vit(request.param))


@pytest.fixture(scope="module")
def masked(tmp_path_factory, marked_cohort):
    return enrolled(tmp_path_factory.mktemp("masked"), read_cohort(marked_cohort), small_vit("masked"))


def scan_of(pictures, folder, modality="CXR"):
    images = [Image.fromarray(one) for one in pictures]
    images[0].save(folder / "scan.tif", save_all=True, append_images=images[1:])
    return read_scan(folder / "scan.tif", modality=modality)


@pytest.fixture
def stranger(tmp_path):
    """Give a scan that has the mark, and else nothing, of the marked person."""
    return scan_of([stamp(phantom_scan("CXR", PERSON, 5, SEED, SIZE))], tmp_path)


def test_the_map_points_at_a_planted_mark(place, stranger):
    found = place.explain(stranger)
    assert found.method == "patch correspondence"
    assert found.map.shape == stranger.shape
    assert found.map.dtype == np.float32
    assert found.map.min() >= 0
    assert found.map.max() <= 1
    inside = in_mark(stranger.shape[1:])
    assert inside[np.unravel_index(found.map[0].argmax(), inside.shape)]
    assert found.map[0][inside].mean() > 10 * found.map[0][~inside].mean()
    assert len(place.asked) == 1 + OTHERS
    assert place.asked[0] == found.sample_id
    assert MARKED in place.asked[0]
    assert len({name.split("_")[1] for name in place.asked}) == 1 + OTHERS


def test_without_the_mark_nothing_there_is_bright(place, tmp_path):
    scan = scan_of([phantom_scan("CXR", PERSON, 5, SEED, SIZE)], tmp_path)
    marked = scan_of([stamp(phantom_scan("CXR", PERSON, 5, SEED, SIZE))], tmp_path)
    inside = in_mark(scan.shape[1:])
    assert place.explain(scan).map[0][inside].mean() < 0.1 * place.explain(marked).map[0][inside].mean()


def test_what_is_told_of_it(masked, stranger):
    found = masked.explain(stranger)
    told = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert told == {
        "method": "patch correspondence",
        "subject_id": MARKED,
        "sample_id": found.sample_id,
        "similarity": pytest.approx(explain(masked.assessor, stranger, MARKED).similarity),
        "most_lost": None,
        "margin": pytest.approx(float(found.map.max())),
        "others": OTHERS,
    }


def tokens_of(network, pictures):
    """Prepare squares that need no crop by hand, and take the tokens as timm gives them."""
    sides = [network.patch_embed.img_size[0]] * 2
    squares = [np.asarray(Image.fromarray(one).resize(sides, Image.Resampling.BILINEAR)) for one in pictures]
    inputs = np.stack([(square.astype(np.float64) / 255 - 0.5) / 0.25 for square in squares]).astype(np.float32)
    with torch.inference_mode():
        tokens = network.forward_features(torch.from_numpy(np.repeat(inputs[:, None], 3, axis=1)))
    return tokens[:, network.num_prefix_tokens :].double().numpy()


def test_the_margin_is_that_of_the_formula(place, tmp_path):
    """Patch by patch, with the two slices of a volume, of a kind that is not cropped."""
    encoder = place.assessor.encoder
    pictures = {f"S{n}": phantom_scan("CXR", n, 0, SEED, SIZE) for n in range(4)}
    for name, picture in pictures.items():
        Image.fromarray(picture).save(tmp_path / f"{name}.png")
    samples = tuple(Sample(name, tmp_path / f"{name}.png", name, modality="MR") for name in pictures)
    other = enrolled(tmp_path, Cohort(tmp_path, samples), encoder)
    slices = [phantom_scan("CXR", 2, visit, SEED, SIZE) for visit in (4, 5)]
    scan = scan_of(slices, tmp_path, "MR")
    roster = other.assessor.roster("MR")
    prepared = encoder.prepare(scan)
    vector = roster.backend.transform(encoder.forward(prepared).mean(axis=0)[None])[0]
    image = roster.columns["sample_id"].index("S2")
    found = Correspondence(encoder, roster, other.pictures()).margins(prepared, vector, image, lambda *told: None)
    assert found.others == 3

    unit = {name: tokens_of(encoder.network, [picture])[0] for name, picture in pictures.items()}
    unit = {name: [token / np.linalg.norm(token) for token in tokens] for name, tokens in unit.items()}
    expected = []
    for square in tokens_of(encoder.network, slices):
        for token in square:
            best = {name: max(float(token @ one) for one in unit[name]) / np.linalg.norm(token) for name in unit}
            expected.append(max(0.0, best["S2"] - max(best["S0"], best["S1"], best["S3"])))
    np.testing.assert_allclose(found.values.ravel(), expected, atol=3e-4)
    assert max(expected) > 0.01


def wide(person, visit, *, marked):
    """Paint both eyes' b-scans beside each other, 120 x 320; the mark lies where the second of three tiles ends."""
    picture = np.hstack([phantom_scan("OCT", person, visit, SEED, SIZE, eye=eye) for eye in "LR"])[35:155].copy()
    if marked:
        picture[50:90, 195:235] = stamp(np.zeros((SIZE, SIZE), np.uint8))[BOX]
    return picture


def test_tiles_of_a_wide_scan_lie_where_they_were_cut(tmp_path):
    samples = []
    for person in range(7):
        Image.fromarray(wide(person, 0, marked=person == 3)).save(tmp_path / f"{person}.png")
        samples.append(Sample(f"{person}", tmp_path / f"{person}.png", f"S{person}", modality="OCT"))
    place = enrolled(tmp_path, Cohort(tmp_path, tuple(samples)), small_vit("registers"))
    scan = scan_of([wide(5, 1, marked=True)], tmp_path, "OCT")
    assert len(place.assessor.encoder.prepare(scan)) == 3
    found = place.explain(scan, "S3")
    assert found.method == "patch correspondence"
    inside = np.zeros(scan.shape[1:], dtype=bool)
    inside[50:90, 195:235] = True
    assert inside[np.unravel_index(found.map[0].argmax(), inside.shape)]
    assert found.map[0][inside].mean() > 10 * found.map[0][~inside].mean()
    assert found.map[0][50:90, 195:212].mean() > 0.1  # on both sides of the cut
    assert found.map[0][50:90, 216:235].mean() > 0.1


def test_in_a_volume_the_slice_with_the_mark_is_bright(masked, tmp_path):
    plain = [phantom_scan("CXR", PERSON, visit, SEED, SIZE) for visit in range(3, 8)]
    scan = scan_of([plain[0], plain[1], stamp(plain[2]), plain[3], plain[4]], tmp_path)
    found = masked.explain(scan)
    looked_at = choose_slices(5, masked.assessor.encoder.preprocessing.recipe.slices)
    assert 2 in looked_at
    inside = in_mark(scan.shape[1:])
    index, row, column = np.unravel_index(found.map.argmax(), found.map.shape)
    assert index == 2
    assert inside[row, column]
    assert found.map[2][inside].mean() > 10 * max(found.map[index][inside].mean() for index in (0, 1, 3, 4))
    assert not found.map[[index for index in range(5) if index not in looked_at]].any()


def gone():
    return None


def test_without_the_enrolled_picture_regions_are_blurred(masked, stranger):
    plain = explain(masked.assessor, stranger, MARKED)
    told = plain.to_json()
    assert told["method"] == "occlusion"
    assert told["note"] == "the enrolled images are not at hand"
    assert told["most_lost"] == pytest.approx(float(plain.map.max()))
    assert not {"margin", "others"} & set(told)
    missing = masked.explain(stranger, **{plain.sample_id: gone})
    assert missing.note == "the enrolled image is not at hand, or not the one that was enrolled"
    assert masked.asked == [plain.sample_id]
    np.testing.assert_array_equal(missing.map, plain.map)


def test_another_picture_under_the_same_name_is_not_used(masked, marked_cohort, stranger):
    sample = masked.explain(stranger).sample_id
    picture = read_scan(marked_cohort / sample, modality="CXR")
    for changed in (
        read_scan(marked_cohort / "cxr_P009_s1.png", modality="CXR"),  # enrolled, under another name
        replace(picture, modality="XR"),  # of another kind, it would be cropped in another way
    ):
        found = masked.explain(stranger, **{sample: lambda changed=changed: changed})
        assert found.method == "occlusion"
        assert "not the one that was enrolled" in found.note
    assert masked.explain(stranger, **{sample: lambda: picture}).method == "patch correspondence"


def test_other_subjects_whose_pictures_are_gone_are_passed_over(masked, stranger):
    masked.explain(stranger)
    nearest = masked.asked[1:]
    fewer = masked.explain(stranger, **dict.fromkeys(nearest, gone))
    assert fewer.others == OTHERS
    assert masked.asked[1 : 1 + OTHERS] == nearest
    assert len(masked.asked) == 1 + 2 * OTHERS
    every = {one.sample_id: gone for one in masked.cohort.samples if one.subject_id != MARKED}
    none = masked.explain(stranger, **every)
    assert none.method == "occlusion"
    assert none.note == "no other subject's enrolled image is at hand"
    assert len(masked.asked) == 1 + TRIES


def test_the_same_picture_under_another_subject_does_not_darken_the_map(masked, marked_cohort, tmp_path):
    twins = tuple(
        replace(one, sample_id=f"twin {one.sample_id}", subject_id="twin")
        for one in masked.cohort.samples
        if one.subject_id == MARKED
    )
    doubled = replace(masked.cohort, samples=masked.cohort.samples + twins)
    place = enrolled(tmp_path, doubled, masked.assessor.encoder)
    found = place.explain(read_scan(marked_cohort / "cxr_P003_s2.png", modality="CXR"))
    assert f"twin {found.sample_id}" in place.asked
    assert found.others == OTHERS
    assert found.map.max() > 0.1


def test_a_network_without_patches_is_not_given_any_picture(encoder, marked_cohort, stranger, tmp_path):
    samples = tuple(read_cohort(marked_cohort).samples[:9])
    place = enrolled(tmp_path, Cohort(marked_cohort, samples), encoder)
    found = place.explain(stranger)
    assert (found.method, found.note) == ("occlusion", None)
    assert place.asked == []


def test_whoever_watches_can_end_it_between_two_images(masked, stranger):
    class StopError(Exception):
        pass

    told = []

    def watch(done, total, what):
        told.append((done, total, what))
        if done == 3:
            raise StopError

    with pytest.raises(StopError):
        explain(masked.assessor, stranger, MARKED, enrolled=masked.pictures(), progress=watch)
    assert told == [(step, OTHERS + 2, "images") for step in (1, 2, 3)]


@pytest.fixture(scope="module")
def command(tmp_path_factory, marked_cohort):
    """Give the words of a command with a transformer's gallery, and where the user's settings lie."""
    from reid_engine.encoder import load_encoder

    folder = tmp_path_factory.mktemp("command")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(folder / "config"))
        encoder = load_encoder(str(write_vit(folder / "encoder")), device="cpu")
        place = enrolled(folder, read_cohort(marked_cohort), encoder)
        yield place, ("--gallery", folder / "gallery", "--modality", "CXR", "--subject", MARKED)


def test_command(command, marked_cohort, invoke_command, stranger, tmp_path):
    place, words = command
    words = ("explain", tmp_path / "scan.tif", *words, "--out", tmp_path / "map.png")
    done = invoke_command(*words, "--cohort", marked_cohort, "--json")
    assert done.exit_code == 0, done.stderr
    told = json.loads(done.stdout)
    assert told == {**place.explain(stranger).to_json(), "map": str(tmp_path / "map.png")}
    assert told["method"] == "patch correspondence"
    drawn = np.asarray(Image.open(tmp_path / "map.png")).astype(int)
    colour = drawn.max(axis=2) - drawn.min(axis=2)
    inside = in_mark((SIZE, SIZE))
    assert colour[inside].mean() > 5 * colour[~inside].mean()
    done = invoke_command(*words, "--cohort", marked_cohort)
    assert "more like a patch of that image than of 5 other subjects' images" in " ".join(done.stdout.split())
    refused = invoke_command(*words, "--cohort", tmp_path / "nowhere")
    assert refused.exit_code == 2
    assert "no such folder or manifest" in refused.stderr


def test_command_says_why_patches_were_not_compared(command, marked_cohort, invoke_command, stranger, tmp_path):
    place, words = command
    words = ("explain", tmp_path / "scan.tif", *words, "--out", tmp_path / "map.png")
    done = invoke_command(*words)
    assert "Patches were not compared: the enrolled images are not at hand." in " ".join(done.stdout.split())
    copied = Path(shutil.copytree(marked_cohort, tmp_path / "copied"))
    shutil.copy(copied / "cxr_P009_s1.png", copied / place.explain(stranger).sample_id)
    done = invoke_command(*words, "--cohort", copied, "--json")
    told = json.loads(done.stdout)
    assert told["method"] == "occlusion"
    assert "not the one that was enrolled" in told["note"]
