"""The per-query table: what every image found."""

from typing import TYPE_CHECKING

import numpy as np

from reid_engine.evaluation.measure import Measurement
from reid_engine.evaluation.strata import ALL, NO_NEAR, OTHER_SESSIONS
from reid_engine.evaluation.tables import Heading

if TYPE_CHECKING:
    import pandas as pd


def query_table(heading: Heading, measured: Measurement, table: "pd.DataFrame") -> "pd.DataFrame":
    """Give one row a query that has a mate.

    Parameters
    ----------
    heading
        Whose attack.
    measured
        What was measured.
    table
        The images in the population's order.

    Returns
    -------
    DataFrame
        The attack; ``sample_id``, ``subject_id``, ``session_id``; ``mates`` and ``eligible``; ``rank`` of the best
        mate (images above it, plus one; ties do not count) and ``hit`` (probability of rank 1, ties in random
        order), the same with near-duplicates removed and in other sessions; ``mate_id`` and ``mate_similarity``;
        ``stranger_id``, ``stranger_subject`` and ``stranger_similarity`` of the most alike other subject's image;
        ``p`` stated by a check, where it was checked.
    """
    import pandas as pd

    outcomes = measured.outcomes[ALL.name]
    images = outcomes.images
    nobody = np.array([None], dtype=object)  # what place -1 stands for
    ids = np.concatenate([table["sample_id"].to_numpy(dtype=object), nobody])
    subjects = np.concatenate([table["subject_id"].to_numpy(dtype=object), nobody])
    mate, stranger = measured.swept.nearest[images].T
    alike = measured.swept.nearest_similarity[images].astype(np.float64)
    frame = pd.DataFrame(
        {
            **{name: [value] * len(images) for name, value in heading.keys().items() if name != "kind"},
            "sample_id": ids[images],
            "subject_id": subjects[images],
            "session_id": table["session_id"].to_numpy(dtype=object)[images],
            "mates": outcomes.mates,
            "eligible": outcomes.eligible,
            "rank": outcomes.above + 1,
            "hit": outcomes.hits[1],
            "mate_id": ids[mate],
            "mate_similarity": np.where(mate >= 0, alike[:, 0], np.nan),
            "stranger_id": ids[stranger],
            "stranger_subject": subjects[stranger],
            "stranger_similarity": np.where(stranger >= 0, alike[:, 1], np.nan),
        }
    )
    for name, stratum in (("no_near_duplicates", NO_NEAR), ("other_sessions", OTHER_SESSIONS)):
        held = measured.outcomes[stratum.name]
        rank = np.full(len(table), np.nan)
        rank[held.images] = held.above + 1
        frame[f"rank_{name}"] = rank[images]
    p = np.full(len(table), np.nan)
    if measured.checks is not None:
        p[measured.checks.images] = measured.checks.p
    frame["p"] = p[images]
    return frame
