"""Files become embeddings in order, in bounded memory, and one bad file stops nothing."""

import gc
import threading
import time

import numpy as np
import pytest
from PIL import Image

from reid_engine.encoder import Embedded, Refused, Source, embed_stream
from reid_engine.encoder.pooling import pool_batches
from reid_engine.scan import read_scan


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Eleven different pictures, and a text file and a truncated picture among them."""
    root = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(2)
    for n in range(11):
        coarse = Image.fromarray((rng.random((8, 8, 3)) * 255).astype(np.uint8))
        coarse.resize((96 + 8 * n, 120)).save(root / f"{n:02}.png")
    (root / "03.png").write_text("not a picture")
    (root / "07.png").write_bytes((root / "07.png").read_bytes()[:400])
    return root


@pytest.fixture
def sources(folder):
    return [Source(path, "CXR") for path in sorted(folder.iterdir())]


def reader_threads():
    return [t for t in threading.enumerate() if t.name.startswith("scan-reader")]


def wait_for_no_readers():
    end = time.monotonic() + 5
    while reader_threads() and time.monotonic() < end:
        time.sleep(0.01)
    return reader_threads()


def test_order_facts_and_refusals(encoder, sources):
    out = list(embed_stream(encoder, sources, batch_size=4))
    assert [one.position for one in out] == list(range(11))
    assert [one.path for one in out] == [source.path for source in sources]
    assert [one.position for one in out if isinstance(one, Refused)] == [3, 7]
    for one in out:
        if isinstance(one, Embedded):
            scan = read_scan(one.path, modality="CXR")
            assert one.embedding.shape == (1280,)
            np.testing.assert_allclose(one.embedding, encoder.embed(scan), rtol=1e-4, atol=1e-4)
            assert (one.modality, one.modality_source) == ("CXR", "caller")
            assert (one.file_digest, one.pixel_digest) == (scan.file_digest, scan.pixel_digest)
        else:
            assert one.path.name in one.reason
            assert "\n" not in one.reason


@pytest.mark.parametrize("batch_size", [1, 3, 5, 64])
@pytest.mark.parametrize("readers", [1, 4])
def test_neither_batch_size_nor_threads_change_the_result(encoder, sources, batch_size, readers):
    def vectors(**options):
        out = embed_stream(encoder, sources, **options)
        return np.stack([one.embedding for one in out if isinstance(one, Embedded)])

    np.testing.assert_allclose(
        vectors(batch_size=batch_size, readers=readers), vectors(batch_size=16), rtol=1e-4, atol=1e-4
    )


def test_extra_sees_the_pixels_and_is_carried_along(encoder, sources):
    out = list(embed_stream(encoder, sources, extra=lambda scan: scan.pixels.shape))
    assert [one.extra for one in out if isinstance(one, Embedded)][:2] == [(1, 120, 96, 3), (1, 120, 104, 3)]


def test_progress_counts_every_source(encoder, sources):
    calls = []
    list(embed_stream(encoder, sources, batch_size=4, progress=lambda *call: calls.append(call)))
    assert calls == [(n, 11, "embedding") for n in range(1, 12)]


def test_nothing_to_do(encoder):
    assert list(embed_stream(encoder, [])) == []


def test_only_refusals(encoder, folder):
    out = list(embed_stream(encoder, [Source(folder / "03.png"), Source(folder / "none.png")]))
    assert [type(one) for one in out] == [Refused, Refused]


def test_a_folder_path_and_a_missing_file_are_refused(encoder, folder, sources):
    out = list(embed_stream(encoder, [Source(folder / "gone.png"), sources[0]]))
    assert isinstance(out[0], Refused)
    assert isinstance(out[1], Embedded)


def test_threads_end_when_it_is_exhausted(encoder, sources):
    list(embed_stream(encoder, sources))
    assert not wait_for_no_readers()


def test_threads_end_when_it_is_closed_early(encoder, sources):
    stream = embed_stream(encoder, sources * 20, batch_size=2, readers=3)
    next(stream)
    assert reader_threads()
    stream.close()
    assert not reader_threads()


def test_threads_end_when_it_is_dropped(encoder, sources):
    stream = embed_stream(encoder, sources * 20, batch_size=2)
    next(stream)
    del stream
    gc.collect()
    assert not wait_for_no_readers()


def test_threads_end_when_the_network_fails(encoder, sources, monkeypatch):
    def broken(batch):
        raise RuntimeError("out of memory")

    monkeypatch.setattr(encoder, "perceive", broken)
    with pytest.raises(RuntimeError, match="out of memory"):
        list(embed_stream(encoder, sources, batch_size=2))
    assert not wait_for_no_readers()


def test_no_more_is_read_ahead_than_promised(encoder, folder):
    read = []

    def note(scan):
        read.append(1)

    sources = [Source(folder / "00.png", "CXR")] * 60
    stream = embed_stream(encoder, sources, batch_size=4, readers=2, extra=note)
    next(stream)
    time.sleep(0.5)
    assert len(read) <= 2 * 4 + 2 * 2
    stream.close()


def test_no_pixels_are_held(encoder, sources):
    one = next(iter(embed_stream(encoder, sources)))
    held = [value.nbytes for value in vars(one).values() if isinstance(value, np.ndarray)]
    assert sum(held) == 4 * encoder.identity.width


class Doubler:
    """A network whose feature is the mean of each channel; it notes the sizes of its batches."""

    def __init__(self):
        self.batches = []

    def forward(self, batch):
        self.batches.append(len(batch))
        return batch.mean(axis=(2, 3))


@pytest.mark.parametrize("batch_size", [1, 2, 3, 4, 7, 100])
def test_slices_are_pooled_by_scan_whatever_the_batches(batch_size):
    rng = np.random.default_rng(0)
    scans = [rng.random((k, 3, 4, 4), dtype=np.float32) for k in (1, 5, 2, 1, 8)]
    items = [("a", scans[0]), ("none", None), *zip("bcde", scans[1:], strict=True)]
    network = Doubler()
    out = list(pool_batches(network.forward, items, batch_size))
    assert [key for key, _ in out] == ["a", "none", "b", "c", "d", "e"]
    assert out[1][1] is None
    for scan, (_, vector) in zip(scans, out[:1] + out[2:], strict=True):
        np.testing.assert_allclose(vector, scan.mean(axis=(0, 2, 3)), rtol=1e-6)
    assert all(size == batch_size for size in network.batches[:-1])
    assert sum(network.batches) == 17


def test_a_batch_holds_slices_of_one_shape():
    sizes = (4, 4, 6, 4, 6, 6, 6)
    items = [(place, np.full((1, 3, size, size), place, dtype=np.float32)) for place, size in enumerate(sizes)]
    network = Doubler()
    out = list(pool_batches(network.forward, items, 2))
    assert [(key, vector.tolist()) for key, vector in out] == [(place, [place] * 3) for place in range(7)]
    assert network.batches == [2, 1, 1, 2, 1]


def test_an_empty_batch_is_refused():
    with pytest.raises(ValueError, match="at least"):
        list(pool_batches(Doubler().forward, [], 0))
