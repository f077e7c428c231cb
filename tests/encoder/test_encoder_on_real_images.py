"""What the preprocessing is for: on real images it identifies at least as well as whole frames did.

The figures are those of plain cosine on mean-centred features of whole frames, squashed to 224 px, of the same
network (leave-one-out, image level).
"""

import csv

import numpy as np
import pytest

from reid_engine.encoder import Embedded, Source, embed_stream

WHOLE_FRAME = {"hannover_cxr": 0.690, "ridb_cfp": 0.917}


def rank_one(vectors, subjects):
    vectors = vectors - vectors.mean(axis=0)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    similarity = vectors @ vectors.T
    np.fill_diagonal(similarity, -np.inf)
    mated = np.array([(subjects == one).sum() > 1 for one in subjects])
    return (subjects[similarity.argmax(axis=1)] == subjects)[mated].mean()


@pytest.mark.slow
@pytest.mark.parametrize("name", WHOLE_FRAME)
def test_rank_one_is_that_of_whole_frames_or_better(encoder, shared_data, name):
    with (shared_data / name / "manifest.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    sources = [Source(shared_data / name / row["file"], row["modality"]) for row in rows]
    out = list(embed_stream(encoder, sources))
    assert all(isinstance(one, Embedded) for one in out)
    found = rank_one(np.stack([one.embedding for one in out]), np.array([row["subject_id"] for row in rows]))
    assert found >= WHOLE_FRAME[name] - 1e-3
