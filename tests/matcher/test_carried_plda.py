"""PLDA that comes with an encoder: people of one hospital fit it, a few of another are found by it."""

import hashlib

import numpy as np
import pytest
from scipy.linalg import eigh

from reid_engine.matcher.carried_plda import CarriedPlda, fit_carried, shorten
from reid_engine.matcher.ladder import blocks_of, fit_named, obstacle, uses_carried
from tests.risk.test_calibration import arranged
from tests.risk.test_plda_attack import Hidden

DIM = 32


def digests(count, start=0):
    return [hashlib.sha256(str(start + n).encode()).hexdigest() for n in range(count)]


@pytest.fixture(scope="module")
def many():
    """200 people of one hospital, whose images differ along half of the axes for reasons of their own."""
    hidden = Hidden(20)
    people, vectors = arranged(hidden.table, hidden.vectors)
    return people, vectors[np.argsort(people.rows)]


@pytest.fixture(scope="module")
def carried(many):
    people, vectors = many
    return fit_carried(vectors, [people], digests(len(vectors)))


@pytest.fixture(scope="module")
def few():
    """25 others, of a hospital whose images lie elsewhere."""
    hidden = Hidden(21, count=25)
    return arranged(hidden.table, hidden.vectors + 4)


def rank_1(blocks, people):
    found = [people.codes[row.argmax()] == people.codes[query] for queries, rows in blocks
             for query, row in zip(queries, rows, strict=True)]  # fmt: skip
    return np.mean(found)


def test_axes_are_those_of_the_model_by_another_road(many, carried):
    """E[b | x] of the two-covariance model, from covariances that are computed person by person."""
    people, vectors = many
    x = vectors[people.rows].astype(np.float64)
    x -= x.mean(axis=0)
    means = np.stack([x[people.codes == code].mean(axis=0) for code in range(len(people.starts))])
    rest = x - means[people.codes]
    within = rest.T @ rest / (len(x) - len(means))
    total = x.T @ x / len(x)
    ridged = total + 1.5 * np.trace(total) / len(x) * np.eye(DIM)
    share = np.trace(np.linalg.solve(ridged, within)) / np.trace(np.linalg.solve(ridged, total))
    values, axes = eigh(0.7 * within + 0.3 * share * ridged, ridged)
    wanted = (axes * (1 - values)) @ axes.T
    np.testing.assert_allclose(carried.projection @ carried.projection.T, wanted, atol=2e-3 * np.abs(wanted).max())


def test_a_few_people_of_elsewhere_are_found_by_it(carried, few):
    people, vectors = few
    assert obstacle("plda", people) is not None
    assert obstacle("plda", people, carried) is None
    assert uses_carried("plda", people, carried) is carried
    found = {name: rank_1(blocks_of(name, vectors, people, "any", carried), people) for name in ("cosine", "plda")}
    assert found["plda"] > found["cosine"] + 0.15


def test_a_query_is_centred_without_itself_and_a_new_scan_on_all(carried, few):
    people, vectors = few
    (queries, rows), *_ = blocks_of("plda", vectors, people, "any", carried)
    query, other = int(queries[3]), int(queries[3]) + 9
    rest = np.delete(vectors, query, axis=0).mean(axis=0)
    a, b = (vectors[query] - rest) @ carried.projection, (vectors[other] - rest) @ carried.projection
    assert rows[3, other] == pytest.approx(a @ b / np.linalg.norm(a) / np.linalg.norm(b), abs=1e-5)
    backend = fit_named("plda", vectors, people, carried)
    moved = (vectors - vectors.mean(axis=0)) @ carried.projection
    moved /= np.linalg.norm(moved, axis=1, keepdims=True)
    np.testing.assert_allclose(backend.transform(vectors), moved, atol=1e-5)
    assert backend.name == "plda"
    assert backend.fitted_on == carried.images


def test_where_subjects_are_enough_their_own_is_taken(many, carried):
    people, vectors = many
    assert uses_carried("plda", people, carried) is None
    assert fit_named("plda", vectors, people, carried).fitted_on == len(vectors)
    assert uses_carried("cosine", people, carried) is None


def test_every_data_set_is_centred_by_itself():
    first, second = Hidden(20, count=40), Hidden(22, count=40)
    people_a, a = arranged(first.table, first.vectors)
    people_b, b = arranged(second.table.assign(subject_id="Q" + second.table["subject_id"]), second.vectors)
    models = []
    for offset in (0, 50):
        vectors = np.concatenate([a, b + offset])
        both = [people_a, replaced(people_b, len(a))]
        models.append(fit_carried(vectors, both, digests(len(vectors))))
    assert models[0].subjects == 80
    ours, moved = (model.projection @ model.projection.T for model in models)
    np.testing.assert_allclose(ours, moved, atol=1e-3 * np.abs(ours).max())


def replaced(people, start):
    from dataclasses import replace

    return replace(people, rows=people.rows + start)


def test_it_knows_the_images_that_it_was_fitted_on(carried, many):
    count = len(many[1])
    assert carried.knows(digests(count)).all()
    assert not carried.knows(digests(1000, start=count)).any()
    assert carried.images == count


def test_it_comes_back_from_arrays(carried, few):
    again = CarriedPlda.from_arrays(carried.to_arrays())
    people, vectors = few
    assert (again.subjects, again.images) == (carried.subjects, carried.images)
    ours, theirs = (fit_named("plda", vectors, people, one).transform(vectors) for one in (carried, again))
    np.testing.assert_allclose(ours @ ours.T, theirs @ theirs.T, atol=1e-3)
    with pytest.raises(ValueError, match="no axes"):
        CarriedPlda.from_arrays({**carried.to_arrays(), "ratios": carried.ratios[1:]})
    with pytest.raises(ValueError, match="no axes"):
        CarriedPlda.from_arrays(
            {**carried.to_arrays(), "projection": carried.projection[:, :0], "ratios": carried.ratios[:0]}
        )


def test_few_people_fit_none():
    hidden = Hidden(23, count=69)
    people, vectors = arranged(hidden.table, hidden.vectors)
    assert fit_carried(vectors, [people], digests(len(vectors))) is None


def test_prints_are_the_first_bits():
    assert shorten(["f" * 64, "0" * 64]).tolist() == [2**60 - 1, 0]
