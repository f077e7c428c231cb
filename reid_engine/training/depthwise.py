"""Gradients of depthwise convolutions in bfloat16 on processors, where PyTorch's own take most of a training step.

PyTorch leaves them to oneDNN, which takes many times as long as plain loops over rows for strided and for 5 x 5
kernels; ``benchmarks/bench_training.py`` measures what a whole step gains.
"""

from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from reid_engine.compiled import compiled, share_rows, threads

Array = NDArray[Any]


def take_over_depthwise(network: nn.Module) -> int:
    """Replace the depthwise convolutions that PyTorch is slow at, in place; give their number.

    Parameters
    ----------
    network
        Its parameters stay the same objects under the same names. Under bfloat16 autocast on a CPU its gradients are
        then computed here; otherwise nothing changes.
    """
    found = [
        (parent, name, child)
        for parent in network.modules()
        for name, child in parent.named_children()
        if isinstance(child, nn.Conv2d) and _is_slow(child)
    ]
    for parent, name, child in found:
        setattr(parent, name, Depthwise(child))
    return len(found)


def _is_slow(convolution: nn.Conv2d) -> bool:
    depthwise = 1 < convolution.in_channels == convolution.out_channels == convolution.groups
    square = len({*convolution.kernel_size}) == len({*convolution.stride}) == 1 and {*convolution.dilation} == {1}
    plain = convolution.padding_mode == "zeros" and convolution.bias is None
    return depthwise and square and plain and (convolution.kernel_size[0] > 3 or convolution.stride[0] > 1)


class Depthwise(nn.Module):
    """A depthwise convolution without a bias; timm's padding as TensorFlow does it is kept.

    Parameters
    ----------
    convolution
        What it replaces, and whose weight it takes.
    """

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        self.convolution = [convolution]  # in a list, so that its weight has no second name
        self.weight = convolution.weight
        self.train(convolution.training)

    def forward(self, pictures: Tensor) -> Tensor:
        """Give the convolution of (B, C, H, W)."""
        convolution = self.convolution[0]
        fast = torch.is_grad_enabled() and pictures.device.type == "cpu" and torch.is_autocast_enabled("cpu")
        if not fast or torch.get_autocast_dtype("cpu") != torch.bfloat16:
            result: Tensor = convolution(pictures)
            return result
        stride, sides = convolution.stride[0], convolution.kernel_size
        if "Same" in type(convolution).__name__:
            from timm.layers.padding import pad_same

            pictures, padding = pad_same(pictures, sides, convolution.stride), 0
        else:
            padding = int(convolution.padding[0])
        convolved: Tensor = _Convolve.apply(pictures, self.weight, stride, padding)
        return convolved


class _Convolve(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, pictures: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor:
        pictures = pictures.to(torch.bfloat16).contiguous(memory_format=torch.channels_last)
        halved = weight.to(torch.bfloat16)
        ctx.save_for_backward(pictures, halved)
        ctx.stride, ctx.padding, ctx.dtype = stride, padding, weight.dtype
        return functional.conv2d(pictures, halved, stride=stride, padding=padding, groups=pictures.shape[1])

    @staticmethod
    def backward(ctx: Any, *outer: Any) -> tuple[Tensor, Tensor, None, None]:
        pictures, weight = ctx.saved_tensors
        of_pictures = torch.empty_like(pictures, memory_format=torch.channels_last)
        kernel = weight.float()[:, 0].permute(1, 2, 0).contiguous().numpy()
        given, above = _bits(pictures), _bits(outer[0].to(torch.bfloat16).contiguous(memory_format=torch.channels_last))
        parts = np.zeros((min(threads(), len(given)), *kernel.shape), dtype=np.float32)

        def work(part: int, first: int, last: int) -> None:
            compiled(gradients)(
                first, last, given, above, kernel, ctx.stride, ctx.padding, _bits(of_pictures), parts[part]
            )

        share_rows(work, len(given), _pool())
        of_weight = torch.from_numpy(parts.sum(axis=0)).permute(2, 0, 1)[:, None].to(ctx.dtype)
        return of_pictures, of_weight, None, None


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads(), thread_name_prefix="depthwise")


def _bits(pictures: Tensor) -> Array:
    """Give the bits of (B, C, H, W) in bfloat16 as (B, H, W, C), sharing memory."""
    bits: Array = pictures.detach().permute(0, 2, 3, 1).view(torch.uint16).numpy()
    return bits


def gradients(
    first: int,
    last: int,
    pictures: Array,
    above: Array,
    kernel: Array,
    stride: int,
    padding: int,
    of_pictures: Array,
    of_kernel: Array,
) -> None:
    """Give the gradients for pictures first to last - 1; a bfloat16 is the upper half of a float32.

    Parameters
    ----------
    pictures, above
        ``(B, H, W, C)`` what was convolved and ``(B, h, w, C)`` the gradient of the result, as bits of bfloat16.
    kernel
        ``(k, k, C)`` float32.
    stride, padding
        Along both sides.
    of_pictures, of_kernel
        Filled, ``(B, H, W, C)`` rounded to the nearest bfloat16, ties to even; added to, ``(k, k, C)`` float32.
    """
    _, height, width, channels = pictures.shape
    rows, columns = above.shape[1], above.shape[2]
    side = kernel.shape[0]
    upper, one, below_half = np.uint32(16), np.uint32(1), np.uint32(0x7FFF)
    row_bits = np.empty((width, channels), np.uint32)
    above_bits = np.empty((columns, channels), np.uint32)
    sum_bits = np.empty((height, width, channels), np.uint32)
    row, outer, total = row_bits.view(np.float32), above_bits.view(np.float32), sum_bits.view(np.float32)
    for picture in range(first, last):
        total[:] = np.float32(0)
        for y in range(rows):
            for x in range(columns):
                for c in range(channels):
                    above_bits[x, c] = np.uint32(above[picture, y, x, c]) << upper
            for i in range(side):
                line = y * stride + i - padding
                if line < 0 or line >= height:
                    continue
                for x in range(width):
                    for c in range(channels):
                        row_bits[x, c] = np.uint32(pictures[picture, line, x, c]) << upper
                for x in range(columns):
                    for j in range(side):
                        place = x * stride + j - padding
                        if place < 0 or place >= width:
                            continue
                        seen, back = row[place], total[line, place]
                        weight, found, gradient = kernel[i, j], of_kernel[i, j], outer[x]
                        for c in range(channels):
                            found[c] += seen[c] * gradient[c]
                            back[c] += weight[c] * gradient[c]
        for y in range(height):
            for x in range(width):
                for c in range(channels):
                    bits = sum_bits[y, x, c]
                    of_pictures[picture, y, x, c] = np.uint16((bits + below_half + ((bits >> upper) & one)) >> upper)
