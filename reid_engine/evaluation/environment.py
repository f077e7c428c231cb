"""What a report was measured with, so that it can be repeated."""

import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from reid_engine import __version__
from reid_engine.encoder.identity import EncoderIdentity
from reid_engine.evaluation.confidence import DRAWS, PERMUTATIONS, SEED
from reid_engine.folds import FOLDS
from reid_engine.matcher.duplicates import NEAR_DUPLICATE_SIMILARITY

PACKAGES = ("numpy", "scipy", "numba", "pandas", "torch", "timm", "faiss-cpu", "scikit-learn", "pydicom", "itk")


def describe_environment(encoders: Sequence[EncoderIdentity]) -> dict[str, Any]:
    """Give versions, the encoders' and baselines' fingerprints, seeds and settings."""
    return {
        "reid_engine": __version__,
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
        "encoders": [
            {"name": encoder.name, "dim": encoder.dim, "fingerprint": encoder.fingerprint} for encoder in encoders
        ],
        "seed": SEED,
        "bootstrap_draws": DRAWS,
        "permutations": PERMUTATIONS,
        "folds": FOLDS,
        "near_duplicate_similarity": NEAR_DUPLICATE_SIMILARITY,
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
