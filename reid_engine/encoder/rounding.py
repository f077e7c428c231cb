"""Weights in fewer bits, for their file; they compute in 32 bits all the same.

In 8 bits, each output channel of a kernel or matrix is whole multiples of a step of its own (Jacob et al., Quantization
and training of neural networks for efficient integer-arithmetic-only inference, CVPR 2018); vectors, as of batch norms,
stay as they are.
"""

import torch

from reid_engine.encoder.layouts import State

_STEP = ".step"
_LARGEST = 127


def rounded(state: State, bits: int) -> State:
    """Give a state as it is stored.

    Parameters
    ----------
    state
        Of 32 bits.
    bits
        32, 16 or 8. With 16, every floating-point tensor is rounded. With 8, a tensor ``KEY`` (C, …) of two dimensions
        or more, C above 1, becomes whole numbers from -127 to 127, beside the steps ``KEY.step`` (C,) of its output
        channels.
    """
    if bits not in (32, 16, 8):
        raise ValueError(f"weights are stored in 32, 16 or 8 bits, not in {bits}")
    if bits == 32:
        return dict(state)
    if bits == 16:
        return {key: value.half() if value.is_floating_point() else value for key, value in state.items()}
    out: State = {}
    for key, value in state.items():
        if value.is_floating_point() and value.ndim > 1 and len(value) > 1:
            step = value.float().flatten(1).abs().amax(dim=1) / _LARGEST
            step = torch.where(step > 0, step, torch.ones_like(step))
            out[key] = (value.float() / _along(step, value)).round().clamp(-_LARGEST, _LARGEST).to(torch.int8)
            out[key + _STEP] = step
        else:
            out[key] = value
    return out


def widened(state: State) -> State:
    """Give back the 32-bit values of a state that has tensors of 8 bits; others stay as they are.

    Raises
    ------
    ValueError
        A tensor of 8 bits has no steps, or not one for each of its output channels; the key is the message.
    """
    out = dict(state)
    for key, value in state.items():
        if value.dtype == torch.int8:
            step = out.pop(key + _STEP, None)
            if step is None or value.ndim < 1 or step.shape != value.shape[:1]:
                raise ValueError(key)
            out[key] = value.float() * _along(step.float(), value)
    return out


def _along(step: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    """Lay the steps of output channels along a tensor's first dimension."""
    return step.reshape(-1, *[1] * (value.ndim - 1))
