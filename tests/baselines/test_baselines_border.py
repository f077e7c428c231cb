"""The border baseline sees camera, operator and export, and no anatomy."""

import io

import numpy as np
import pytest
from made import scan_of
from PIL import Image

from reid_engine.baselines.border import GROUPS, SPREADS, BorderEncoder
from reid_engine.baselines.exposure import COLOURS, TONES, colours, grain, tones
from reid_engine.baselines.surround import CORNER, GRID, find_surround
from reid_engine.encoder.field import Field, find_field
from reid_engine.phantom import phantom_scan

ENCODER = BorderEncoder()


def embed(pixels, modality):
    return ENCODER.embed(scan_of(pixels, modality))


def part(vector, name):
    return vector[GROUPS[name]]


def grey_of(pixels):
    return np.asarray(Image.fromarray(pixels).convert("L")).astype(np.float32) / 255


def changed(one, other):
    return {name for name in GROUPS if not np.allclose(part(one, name), part(other, name), atol=1e-5)}


def anatomy(pixels, modality):
    """Give the pixels that are neither border nor where markers stand, well inside a disc's rim."""
    field = find_field(pixels.astype(np.float32) / 255, modality)
    height, width = pixels.shape[:2]
    rows, columns = np.mgrid[:height, :width]
    if field.shape == "disc":
        return np.hypot(rows - (field.top + field.bottom - 1) / 2, columns - (field.left + field.right - 1) / 2) < (
            0.9 * min(field.size) / 2
        )
    found = find_surround(grey_of(pixels), field, modality)
    reach = 2  # of a marker's surroundings
    high, wide = round(CORNER * height) + reach, round(CORNER * width) + reach
    corner = ((rows < high) | (rows >= height - high)) & ((columns < wide) | (columns >= width - wide))
    return ~found.outside & ~corner


@pytest.mark.parametrize("modality", ["CFP", "CXR"])
def test_shuffled_anatomy_leaves_everything_but_the_grain(modality):
    pixels = phantom_scan(modality, 2, 0, size=180)
    mask = anatomy(pixels, modality)
    shuffled = pixels.copy()
    shuffled[mask] = np.random.default_rng(0).permutation(pixels[mask])
    assert mask.mean() > 0.4
    assert np.abs(shuffled.astype(int) - pixels).mean() > 5
    assert changed(embed(pixels, modality), embed(shuffled, modality)) == {"grain"}


def test_a_retina_shuffled_along_the_scan_leaves_everything_but_the_grain():
    """Across the scan the rows are kept: where the retina lies in them is the operator's, and places the band."""
    pixels = phantom_scan("OCT", 2, 0, size=180)
    field = find_field(pixels.astype(np.float32) / 255, "OCT")
    shuffled = pixels.copy()
    rng = np.random.default_rng(0)
    for row in range(field.top, field.bottom):
        shuffled[row] = rng.permutation(pixels[row])
    assert field.size[0] < 180
    assert changed(embed(pixels, "OCT"), embed(shuffled, "OCT")) == {"grain"}


@pytest.mark.parametrize("modality", ["CFP", "CXR"])
def test_another_persons_anatomy_with_the_same_tones_leaves_everything_but_the_grain(modality):
    own, other = (phantom_scan(modality, subject, 0, size=180) for subject in (2, 5))
    mask = anatomy(own, modality)
    grafted = own.copy()
    order = np.argsort(grey_of(other)[mask], kind="stable")
    ranked = np.argsort(grey_of(own)[mask], kind="stable")
    graft = np.empty_like(own[mask])
    graft[order] = own[mask][ranked]
    grafted[mask] = graft
    assert np.corrcoef(grey_of(grafted)[mask], grey_of(other)[mask])[0, 1] > 0.85  # the other person is what it shows
    assert changed(embed(own, modality), embed(grafted, modality)) == {"grain"}


@pytest.mark.parametrize("modality", ["CFP", "OCT", "CXR"])
def test_a_mirrored_middle_keeps_noise_and_sharpness(modality):
    pixels = phantom_scan(modality, 2, 0, size=192)
    whole = embed(pixels, modality)
    mirrored = pixels.copy()
    mirrored[32:160, 32:160] = pixels[32:160, 159:31:-1]
    noise, sharpness, _ = part(embed(mirrored, modality) - whole, "grain")
    typical = 1 / 3**0.5  # deviation between images, in a group of three
    assert abs(noise) < typical
    assert abs(sharpness) < typical


@pytest.mark.parametrize("modality", ["CFP", "OCT", "CXR"])
def test_exposure_changes_it_and_is_seen_as_exposure(modality):
    pixels = phantom_scan(modality, 1, 0, size=160)
    darker = np.rint(255 * (pixels / 255.0) ** 1.6).astype(np.uint8)
    assert "exposure" in changed(embed(pixels, modality), embed(darker, modality))


def test_a_marker_changes_markers_and_little_else():
    pixels = phantom_scan("CXR", 1, 0, size=200)
    pixels[pixels > 225] = 225
    marked = pixels.copy()
    marked[14:30:4, 170:186] = 255
    marked[14:30, 170:186:4] = 255
    one, other = embed(pixels, "CXR"), embed(marked, "CXR")
    moved = {name: np.linalg.norm(part(other - one, name)) for name in GROUPS}
    assert moved["markers"] > 5 * max(moved["exposure"], moved["geometry"], moved["grain"])
    assert np.flatnonzero(part(other - one, "markers")).tolist() == [1]  # top right


def test_text_beside_a_fundus_disc_is_border_and_marker():
    pixels = phantom_scan("CFP", 1, 0, size=200)
    marked = pixels.copy()
    marked[6:14:2, 4:16] = 255
    assert {"border", "markers"} <= changed(embed(pixels, "CFP"), embed(marked, "CFP"))


def test_size_and_black_borders_are_geometry():
    pixels = phantom_scan("CXR", 1, 0, size=160)
    enlarged = np.repeat(np.repeat(pixels, 2, axis=0), 2, axis=1)
    framed = np.pad(pixels, ((0, 0), (20, 40)))
    base = embed(pixels, "CXR")
    assert "geometry" in changed(base, embed(enlarged, "CXR"))
    assert {"geometry", "border"} <= changed(base, embed(framed, "CXR"))


def test_the_height_of_the_retina_is_not_looked_at():
    rows = np.arange(160)
    thin, thick = (
        np.repeat(np.where(np.abs(rows - 79.5) < half, 200, 20).astype(np.uint8)[:, None], 60, axis=1)
        for half in (12, 24)
    )
    fields = [find_field(one.astype(np.float32) / 255, "OCT") for one in (thin, thick)]
    assert fields[0].size != fields[1].size
    assert np.array_equal(part(embed(thin, "OCT"), "geometry"), part(embed(thick, "OCT"), "geometry"))


def test_images_of_one_exposure_are_more_alike_than_of_another():
    """Two light settings are planted on many people: the setting is found, though the anatomy differs."""
    rng = np.random.default_rng(0)
    settings = np.tile([0, 1], 10)
    vectors = []
    for subject, setting in enumerate(settings):
        values = phantom_scan("CXR", subject, 0, size=128) / 255.0
        values = values ** (0.7, 1.4)[setting] + rng.normal(0, (0.005, 0.03)[setting], values.shape)
        vectors.append(embed(np.rint(255 * values.clip(0, 1)).astype(np.uint8), "CXR"))
    centred = np.stack(vectors) - np.mean(vectors, axis=0)
    centred /= np.linalg.norm(centred, axis=1, keepdims=True)
    alike = centred @ centred.T
    np.fill_diagonal(alike, -np.inf)
    assert (settings[alike.argmax(axis=1)] == settings).mean() > 0.9


def test_groups_take_the_embedding_between_them_and_none_outweighs_by_its_number():
    features = sum(length for _, parts in SPREADS for _, length, _ in parts)
    assert np.array_equal(np.concatenate([np.arange(features)[one] for one in GROUPS.values()]), np.arange(features))
    assert ENCODER.identity.dim == features
    for name, parts in SPREADS:
        typical = np.concatenate([np.full(length, spread) for _, length, spread in parts])
        assert np.linalg.norm(ENCODER._scales[GROUPS[name]] * typical) == pytest.approx(1, abs=1e-5)


def test_a_disc_cut_off_on_all_sides_is_masked_by_its_true_radius():
    rows, columns = np.mgrid[:120, :120]
    disc = np.where(np.hypot(rows - 59.5, columns - 59.5) < 72, 0.5, 0.0).astype(np.float32)
    found = find_surround(disc, Field(0, 120, 0, 120, "disc"), "CFP")
    assert found.outside.any()
    assert disc[found.outside].max() == 0


def test_cells_are_the_masked_picture_shrunk():
    rng = np.random.default_rng(2)
    grey = rng.random((80, 96), dtype=np.float32)
    found = find_surround(grey, Field(8, 80, 0, 90), "CXR")
    mean, spread = found.cells()
    masked = np.where(found.outside, grey, 0).reshape(GRID, 10, GRID, 12)
    assert np.allclose(mean, masked.mean(axis=(1, 3)).ravel(), atol=1e-6)
    cell = found.outside[:10, :12]
    assert spread[0] == pytest.approx(grey[:10, :12][cell].std() * cell.mean(), abs=1e-6)


def test_tones_equal_numpys():
    levels = np.random.default_rng(1).integers(0, 200, 5001).astype(np.uint8)
    found = tones(levels)
    assert found.shape == (TONES,)
    assert found[:2] == pytest.approx([levels.mean() / 255, levels.std() / 255], abs=1e-6)
    expected = np.quantile(levels, (0.05, 0.25, 0.5, 0.75, 0.95), method="inverted_cdf") / 255
    assert found[2:7] == pytest.approx(expected, abs=1e-6)
    counts, _ = np.histogram(levels, bins=16, range=(0, 256))
    assert found[7:23] == pytest.approx(np.sqrt(counts / 5001), abs=1e-6)
    assert found[23:] == pytest.approx([(levels == 0).mean(), 0, len(np.unique(levels)) / 256], abs=1e-6)


def test_colours_equal_numpys_and_are_zero_for_grey():
    values = np.random.default_rng(1).integers(0, 256, (999, 3)).astype(np.uint8)
    mean, spread = values.mean(axis=0) / 255, values.std(axis=0) / 255
    expected = [mean[0] - mean[1], mean[2] - mean[1], spread[0] - spread[1], spread[2] - spread[1]]
    assert colours(values) == pytest.approx(expected, abs=1e-6)
    assert np.array_equal(colours(values[:, 0]), np.zeros(COLOURS))
    assert np.array_equal(colours(values[:0]), np.zeros(COLOURS))


def test_grain_measures_noise_that_is_added():
    rng = np.random.default_rng(5)
    rows, columns = np.mgrid[:128, :128]
    smooth = (0.5 + 0.2 * np.sin(rows / 25) * np.cos(columns / 30)).astype(np.float32)
    for sigma in (0.005, 0.02, 0.08):
        noisy = smooth + rng.normal(0, sigma, smooth.shape).astype(np.float32)
        assert 10 ** grain(noisy)[0] == pytest.approx(sigma, rel=0.1)


def test_grain_tells_sharp_from_blurred_and_jpeg_from_not():
    picture = np.random.default_rng(6).integers(0, 256, (32, 32), dtype=np.uint8)
    image = Image.fromarray(picture).resize((256, 256), Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=8)
    plain = grain(np.asarray(image, dtype=np.float32) / 255)
    packed = grain(np.asarray(Image.open(buffer), dtype=np.float32) / 255)
    coarse = image.resize((64, 64), Image.Resampling.BOX).resize((256, 256), Image.Resampling.BICUBIC)
    blurred = grain(np.asarray(coarse, dtype=np.float32) / 255)
    assert packed[2] > plain[2] + 0.2
    assert blurred[1] < plain[1]
