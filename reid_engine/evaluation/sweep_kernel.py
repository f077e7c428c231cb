"""The loops of a sweep: one pass over each query's similarities gives everything that is counted of it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

ANY, SAME, OTHER = 0, 1, 2
"""Which strangers a stratum compares with: all, those with the query's value of a column, those with another."""

MATES, ELIGIBLE, ABOVE, LEVEL, MATES_LEVEL, SUBJECTS_ABOVE = range(6)
"""Columns of the counts."""

COUNTS = 6


def search_rows(
    first: int,
    last: int,
    queries: Array,
    similarities: Array,
    codes: Array,
    starts: Array,
    pair_starts: Array,
    pair_bits: Array,
    near_starts: Array,
    near_images: Array,
    near_similarity: Array,
    relation: Array,
    column: Array,
    keys: Array,
    key_counts: Array,
    near_limit: Array,
    counts: Array,
    precision: Array,
    nearest: Array,
) -> None:
    """Count, for rows first to last - 1 of a block and T strata, what stands above each query's mates.

    Parameters
    ----------
    queries, similarities
        ``(B,)`` and ``(B, N)``.
    codes, starts
        ``(N,)`` subject numbers, rising, and ``(S + 1,)`` first image of each subject, then N.
    pair_starts, pair_bits
        Bit t of ``pair_bits[pair_starts[i] + k]`` says whether image k of i's own subject is a mate in stratum t.
    near_starts, near_images, near_similarity
        Near-duplicates of each image.
    relation, column, near_limit
        ``(T,)`` which strangers count, by which column, and from which similarity near-duplicates do not.
    keys, key_counts
        ``(C, N)`` values of the columns as numbers, -1 unknown, and ``(C, K)`` how many images have each.
    counts, precision, nearest
        Filled: ``(B, T, COUNTS)``, ``(B, T)``, and ``(B, 2)`` the best mate and the best stranger in stratum 0.
    """
    strata = len(relation)
    images = similarities.shape[1]
    candidates = np.empty(images, dtype=np.int64)
    for b in range(first, last):
        query = queries[b]
        row = similarities[b]
        code = codes[query]
        own, after = starts[code], starts[code + 1]
        bits = pair_bits[pair_starts[query] : pair_starts[query] + after - own]
        lowest = np.float32(np.inf)
        for k in range(after - own):
            if bits[k] != 0 and row[own + k] < lowest:
                lowest = row[own + k]
        found = 0
        best, best_score = -1, np.float32(-np.inf)
        notable = best_score  # below it a stranger is neither a candidate nor the best: one comparison for nearly all
        for j in range(images):
            if row[j] < notable or own <= j < after:
                continue
            if row[j] >= lowest:
                candidates[found] = j
                found += 1
            if row[j] > best_score:
                best, best_score = j, row[j]
                notable = min(lowest, best_score)
        nearest[b, 1] = best
        nearest[b, 0] = -1
        mates = np.empty(after - own, dtype=np.float32)
        above = np.empty(after - own + 1, dtype=np.int64)
        for t in range(strata):
            number = 0
            for k in range(after - own):
                if (bits[k] >> t) & 1:
                    mates[number] = row[own + k]
                    number += 1
                    if t == 0 and (nearest[b, 0] < 0 or row[own + k] > row[nearest[b, 0]]):
                        nearest[b, 0] = own + k
            counts[b, t, :] = 0
            precision[b, t] = 0.0
            counts[b, t, MATES] = number
            if number == 0:
                continue
            scores = np.sort(mates[:number])
            top = scores[number - 1]
            # Strangers that count in this stratum.
            value = np.int64(-1)
            if relation[t] == ANY:
                eligible = images - (after - own)
            else:
                value = keys[column[t], query]
                eligible = 0
                for v in range(key_counts.shape[1]):
                    if (v == value) == (relation[t] == SAME):
                        eligible += key_counts[column[t], v]
                for j in range(own, after):
                    key = keys[column[t], j]
                    if key >= 0 and (key == value) == (relation[t] == SAME):
                        eligible -= 1
            near_first, near_last = near_starts[query], near_starts[query + 1]
            for n in range(near_first, near_last):
                j = near_images[n]
                if near_similarity[n] >= near_limit[t] and (j < own or j >= after):
                    if relation[t] == ANY:
                        eligible -= 1
                    else:
                        key = keys[column[t], j]
                        if key >= 0 and (key == value) == (relation[t] == SAME):
                            eligible -= 1
            # above[r]: strangers above exactly the r + 1 lowest mates, later summed.
            above[: number + 1] = 0
            level = 0
            subjects = 0
            last_code = np.int64(-1)
            for c in range(found):
                j = candidates[c]
                score = row[j]
                if score < scores[0]:
                    continue
                if relation[t] != ANY:
                    key = keys[column[t], j]
                    if key < 0 or (key == value) != (relation[t] == SAME):
                        continue
                if near_last > near_first:
                    removed = False
                    for n in range(near_first, near_last):
                        if near_images[n] == j and near_similarity[n] >= near_limit[t]:
                            removed = True
                    if removed:
                        continue
                low, high = 0, number  # mates strictly below the score
                while low < high:
                    middle = (low + high) // 2
                    if scores[middle] < score:
                        low = middle + 1
                    else:
                        high = middle
                above[low] += 1
                if score == top:
                    level += 1
                elif score > top and codes[j] != last_code:
                    subjects += 1
                    last_code = codes[j]
            counts[b, t, ELIGIBLE] = eligible + number
            counts[b, t, ABOVE] = above[number]
            mates_level = 0
            for k in range(number):
                if scores[k] == top:
                    mates_level += 1
            counts[b, t, LEVEL] = level + mates_level
            counts[b, t, MATES_LEVEL] = mates_level
            counts[b, t, SUBJECTS_ABOVE] = subjects
            # Mean average precision at R: hit h (from the best mate) stands at place `strangers above it` + h.
            total = 0.0
            strangers = above[number]
            for h in range(number):
                if h > 0:
                    strangers += above[number - h]
                place = strangers + h + 1
                if place <= number:
                    total += (h + 1) / place
            precision[b, t] = total / number


def score_rows(
    first: int,
    last: int,
    queries: Array,
    similarities: Array,
    codes: Array,
    starts: Array,
    pair_starts: Array,
    pair_bits: Array,
    bit: int,
    near_starts: Array,
    near_images: Array,
    near_similarity: Array,
    near_limit: float,
    folds: Array,
    weights: Array,
    bins: int,
    drawn: Array,
    own_scores: Array,
    hits: Array,
    histogram: Array,
    top_scores: Array,
    top_subjects: Array,
    pair_place: Array,
    pair_weight: Array,
) -> None:
    """Score rows first to last - 1 of a block against subjects, as `reid_engine.matcher.comparisons` defines it.

    Parameters
    ----------
    queries, similarities, codes, starts, pair_starts, pair_bits
        As in `search_rows`; bit `bit` says which own images are mates.
    near_starts, near_images, near_similarity, near_limit
        Near-duplicates, and the similarity from which they are left out.
    folds, weights
        ``(S,)`` fold of each subject, ``(N,)`` vote of each image.
    bins
        Number of bins over [-1, 1].
    drawn
        ``(B, R)`` subjects of the random sample of non-mated scores.
    own_scores, hits
        Filled: ``(B,)`` score against the own subject, -inf without a mate, and whether nothing was as high.
    histogram
        ``(F, F, bins)``, added to.
    top_scores, top_subjects
        Filled: ``(B, K)`` highest non-mated scores, falling, and whose; -1 where there are fewer.
    pair_place, pair_weight
        Filled: ``(B, H + R)`` subject numbers (-1: not used) and weights of the sample; the first H are the highest.
    """
    subjects = len(starts) - 1
    kept = top_scores.shape[1]
    highest = pair_place.shape[1] - drawn.shape[1]
    scores = np.empty(subjects, dtype=np.float32)
    most = 1
    for s in range(subjects):
        most = max(most, starts[s + 1] - starts[s])
    places = np.empty(most + 1, dtype=np.int64)
    rests = np.empty(subjects, dtype=np.int64)
    for s in range(subjects):
        rests[s] = s % (starts[s + 1] - starts[s])
    for b in range(first, last):
        query = queries[b]
        row = similarities[b]
        own = codes[query]
        for n in range(near_starts[query], near_starts[query + 1]):
            if near_similarity[n] >= near_limit:
                row[near_images[n]] = -np.inf
        mated = np.float32(-np.inf)
        for k in range(starts[own + 1] - starts[own]):
            if (pair_bits[pair_starts[query] + k] >> bit) & 1 and row[starts[own] + k] > mated:
                mated = row[starts[own] + k]
        own_scores[b] = mated
        for count in range(1, most + 1):  # (query + s) % count, without a division for every subject
            places[count] = query % count
        rival = np.float32(-np.inf)
        filled = 0
        finite = 0
        vote = weights[query]
        counted = histogram[folds[own]]
        passed = np.float32(-np.inf)  # what a score must be above to be among the highest
        after = starts[0]
        for s in range(subjects):
            start, after = after, starts[s + 1]
            if s == own:
                scores[s] = -np.inf
                continue
            count = after - start
            best = np.float32(-np.inf)
            if count == 1:
                best = row[start]
            else:
                place = places[count] + rests[s]
                left_out = start + (place - count if place >= count else place)
                for j in range(start, after):
                    best = max(best, row[j] if j != left_out else np.float32(-np.inf))
                rival = max(rival, row[left_out])
            scores[s] = best
            if best == -np.inf:
                continue
            finite += 1
            place = np.int64((best + np.float32(1.0)) * np.float32(bins / 2))
            place = min(max(place, np.int64(0)), np.int64(bins - 1))
            counted[folds[s], place] += vote
            if best > passed:
                at = filled if filled < kept else kept - 1
                while at > 0 and top_scores[b, at - 1] < best:
                    top_scores[b, at] = top_scores[b, at - 1]
                    top_subjects[b, at] = top_subjects[b, at - 1]
                    at -= 1
                top_scores[b, at] = best
                top_subjects[b, at] = s
                filled = min(filled + 1, kept)
                if filled == kept:
                    passed = top_scores[b, kept - 1]
        if filled > 0:
            rival = max(rival, top_scores[b, 0])
        for k in range(filled, kept):
            top_scores[b, k] = -np.inf
            top_subjects[b, k] = -1
        hits[b] = mated > rival
        used = min(highest, filled)
        for k in range(highest):
            pair_place[b, k] = top_subjects[b, k] if k < used else -1
            pair_weight[b, k] = weights[query]
        valid = 0
        for r in range(drawn.shape[1]):
            s = drawn[b, r]
            good = scores[s] > -np.inf
            for k in range(used):
                if top_subjects[b, k] == s:
                    good = False
            pair_place[b, highest + r] = s if good else -1
            valid += good
        for r in range(drawn.shape[1]):
            pair_weight[b, highest + r] = weights[query] * (finite - used) / max(valid, 1)
        for k in range(pair_place.shape[1]):
            s = pair_place[b, k]
            if s >= 0:
                place = np.int64((scores[s] + np.float32(1.0)) * np.float32(bins / 2))
                pair_place[b, k] = s * bins + min(max(place, np.int64(0)), np.int64(bins - 1))
