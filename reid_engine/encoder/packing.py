"""Convolutions for a CPU: weights laid out for its vector units once, and the activation in the same step.

PyTorch lays the weights of a convolution out anew each time that it is called, and goes over its output once more for
the activation. That is what its compiler avoids by the two operators used here; they are private, so that each
convolution is compared with the one that it replaces, and left as it was where they differ or are not there.
"""

from typing import Any

import torch
from timm.layers import Conv2dSame, pad_same
from timm.models import EfficientNet
from torch import nn

from reid_engine.encoder.ensemble import Ensemble
from reid_engine.encoder.folding import PAIRS

_STEPS: dict[type[nn.Module], tuple[str, list[float]]] = {
    nn.Identity: ("none", []),
    nn.ReLU: ("relu", []),
    nn.ReLU6: ("hardtanh", [0.0, 6.0]),
}
"""Activations that can be had in the same step, by their names and bounds there."""

_TOLERANCE = 1e-4
_REACH = 20.0


class PackedConv(nn.Module):
    """A convolution and its activation, for inference on the CPU alone.

    Parameters
    ----------
    conv
        Of 32-bit weights, zero-padded.
    act
        One of :data:`_STEPS`.
    """

    def __init__(self, conv: nn.Conv2d, act: nn.Module) -> None:
        super().__init__()
        self.same = isinstance(conv, Conv2dSame)
        self.kernel, self.stride, self.dilation = conv.kernel_size, conv.stride, conv.dilation
        padding = (0, 0) if self.same else conv.padding
        self._settings = (padding, conv.stride, conv.dilation, conv.groups)
        self._step = _STEPS[type(act)]
        self._bias = None if conv.bias is None else conv.bias.detach()
        weight = conv.weight.detach().contiguous()
        self._weight = torch.ops.mkldnn._reorder_convolution_weight(weight, *self._settings)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Give the activated features (B, C, h, w)."""
        if self.same:
            inputs = pad_same(inputs, list(self.kernel), list(self.stride), list(self.dilation))
        features: torch.Tensor = torch.ops.mkldnn._convolution_pointwise(
            inputs, self._weight, self._bias, *self._settings, *self._step, ""
        )
        return features


def pack_convolutions(network: nn.Module) -> int:
    """Pack what can be packed, in place, for inference on the CPU only; give the number of convolutions packed.

    Only what :func:`reid_engine.encoder.folding.fold_batch_norms` is sure of, and has been through, is touched.
    """
    if isinstance(network, Ensemble):
        return sum(pack_convolutions(member) for member in network.members)
    if not isinstance(network, EfficientNet) or not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return 0
    with torch.inference_mode():
        return sum(
            _pack(module, conv, act)
            for module in list(network.modules())
            for conv, act in PAIRS.get(type(module).__name__, ())
        )


def _pack(module: Any, conv: str, act: str) -> bool:
    before: Any = getattr(module, conv, None)
    after: Any = getattr(module, act, None)
    if type(before) not in (nn.Conv2d, Conv2dSame) or type(after) not in _STEPS:
        return False
    if before.weight.dtype != torch.float32 or before.padding_mode != "zeros" or isinstance(before.padding, str):
        return False
    try:
        packed = PackedConv(before, after)
        if not _agree(before, after, packed):
            return False
    except (AttributeError, NotImplementedError, RuntimeError, TypeError):
        return False  # another version of PyTorch, or another processor
    setattr(module, conv, packed)
    setattr(module, act, nn.Identity())
    return True


def _agree(conv: nn.Conv2d, act: nn.Module, packed: PackedConv) -> bool:
    """Compare both where the activation matters: its input is of either sign, and goes beyond its bounds."""
    side = 2 * max(conv.kernel_size) + 1
    count = conv.in_channels * side * side
    inputs = torch.sin(torch.arange(count, dtype=torch.float32)).reshape(1, conv.in_channels, side, side)
    inputs *= _REACH / conv(inputs).abs().max().clamp(min=1e-6)
    expected = act(conv(inputs))
    return torch.allclose(packed(inputs), expected, rtol=_TOLERANCE, atol=_TOLERANCE * float(expected.abs().max()))
