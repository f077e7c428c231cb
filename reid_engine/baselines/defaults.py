"""The baselines that stand beside every encoder."""

from typing import TYPE_CHECKING

from reid_engine.baselines.border import BorderEncoder
from reid_engine.baselines.pixels import PixelEncoder
from reid_engine.baselines.untrained import load_untrained

if TYPE_CHECKING:
    from reid_engine.encoder.embedder import Embedder


def default_baselines(*, seed: int = 0, device: str | None = None) -> "list[Embedder]":
    """Make the baselines that see the image: pixels, border and exposure, and the untrained default encoder.

    Parameters
    ----------
    seed
        Of the untrained network's weights.
    device
        Where that network computes; see :func:`reid_engine.encoder.load_encoder`.

    Raises
    ------
    EncoderError
        The device is not there.
    """
    return [PixelEncoder(), BorderEncoder(), load_untrained(seed=seed, device=device)]
