"""What a training step of the default base encoder gains on a processor by bfloat16 and by gradients of our own.

Three ways to learn from the same batch are timed in turn, several times, and the medians compared:

- ``ours``: as :class:`reid_engine.training.learner.Learner` does it;
- ``half``: PyTorch's bfloat16 autocast alone;
- ``plain``: float32, as a script would.

``ratio`` is the throughput of ours against plain, ``ratio_to_half`` against autocast alone. There is no target: a
processor without bfloat16 gains nothing.
"""

import argparse
import copy
import json
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import torch

from reid_engine.encoder import IMAGENET_ENCODER, find_spec
from reid_engine.encoder.model import load_network
from reid_engine.training.depthwise import take_over_depthwise
from reid_engine.training.loss import make_loss


def measure(*, images: int = 64, size: int = 128, repeats: int = 5) -> dict[str, Any]:
    """Give images a second of the three ways (medians), and their ratios."""
    network, _ = load_network(find_spec(IMAGENET_ENCODER))
    network = network.to(memory_format=torch.channels_last)
    ours = copy.deepcopy(network)
    take_over_depthwise(ours)
    batch = torch.randn(images, 3, size, size).contiguous(memory_format=torch.channels_last)
    labels = torch.arange(images // 4).repeat_interleave(4)
    loss = make_loss("supcon")

    def step(one: torch.nn.Module, half: bool) -> Callable[[], None]:
        def learn() -> None:
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=half):
                features = one(batch)
            loss(features.float(), labels).backward()
            one.zero_grad(set_to_none=True)

        return learn

    ways = {"ours": step(ours, True), "half": step(network, True), "plain": step(network, False)}
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for way in ways.values():
        way()  # the first run of each pays for compiling and allocating
    for _ in range(repeats):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            rates[name].append(images / (time.perf_counter() - start))
    return {
        "benchmark": "training",
        "ratio": median(a / b for a, b in zip(rates["ours"], rates["plain"], strict=True)),
        "ratio_to_half": median(a / b for a, b in zip(rates["ours"], rates["half"], strict=True)),
        "images_per_second": {name: median(values) for name, values in rates.items()},
        "images": images,
        "size": size,
        "threads": torch.get_num_threads(),
        "repeats": repeats,
        "bfloat16": torch.cpu._is_avx512_bf16_supported(),
    }


def main() -> None:
    """Print the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.add_argument("--images", type=int, default=64)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args()
    result = measure(images=given.images, size=given.size, repeats=given.repeats)
    if given.json:
        print(json.dumps(result))
        return
    rates = ", ".join(f"{name} {rate:.0f}" for name, rate in result["images_per_second"].items())
    print(f"images a second: {rates}; {result['ratio']:.1f} times plain, {result['ratio_to_half']:.1f} times autocast")


if __name__ == "__main__":
    main()
