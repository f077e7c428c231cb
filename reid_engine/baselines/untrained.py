"""The network before it has learned anything: what architecture and preprocessing alone keep of a person."""

from dataclasses import replace
from typing import TYPE_CHECKING

from reid_engine.encoder.registry import IMAGENET_ENCODER, find_spec
from reid_engine.errors import EncoderError

if TYPE_CHECKING:
    from reid_engine.encoder.model import Encoder

UNTRAINED = "untrained"
"""Name in a gallery and in reports."""


def load_untrained(name: str = IMAGENET_ENCODER, *, seed: int = 0, device: str | None = None) -> "Encoder":
    """Make the network of a named encoder with its first random weights.

    Parameters
    ----------
    name
        The encoder whose architecture and preprocessing are taken; its weights need not be at hand.
    seed
        Of the random weights. They also depend on torch's and timm's versions, so the fingerprint, which is made
        from the weights as for any encoder, tells them apart.
    device
        As for :func:`reid_engine.encoder.load_encoder`.

    Raises
    ------
    EncoderError
        The name is unknown, timm cannot build the network, or the device is not there.
    """
    import timm
    import torch

    from reid_engine.encoder.model import Encoder

    spec = find_spec(name)
    try:
        place = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        with torch.random.fork_rng(devices=[]):  # the caller's dice stay as they are
            torch.default_generator.manual_seed(seed)  # alone: manual_seed would reach the accelerators' dice too
            network = timm.create_model(spec.architecture, pretrained=False, num_classes=0, **spec.options)
        return Encoder(replace(spec, name=UNTRAINED, dim=int(network.num_features)), network, place)
    except (RuntimeError, TypeError, ValueError, AssertionError) as error:
        line = " ".join(str(error).split())
        raise EncoderError(f"{spec.name}: cannot be built untrained ({line}); choose another encoder") from error
