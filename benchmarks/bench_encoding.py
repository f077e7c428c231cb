"""How much of the bare network's throughput is left when a folder of 512-px images is encoded.

The folder is made here: seeded pictures with the structure and the noise of radiographs (grey) and fundus
photographs (colour), half JPEG, half PNG. Three ways are timed in turn, several times, and the medians compared:

- ``folder``: files through :func:`reid_engine.encoder.embed_stream`, from disk to embeddings;
- ``bare``: timm's module with the same weights, in the memory format that suits the device, on tensors that are
  already in memory;
- ``own``: the encoder's network, whose batch norms are folded and weights laid out, on the same tensors.

``ratio`` is folder against bare; the target is 0.9. ``ratio_to_own`` shows what reading costs beside it.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter

from reid_engine.encoder import IMAGENET_ENCODER, Embedded, Encoder, Source, embed_stream, find_spec, load_encoder
from reid_engine.encoder.model import load_network

TARGET = 0.9
SIDE = 512
KINDS = ("CXR", "CFP")


def measure(
    *, images: int = 96, batch_size: int = 16, readers: int = 2, repeats: int = 5, threads: int | None = None
) -> dict[str, Any]:
    """Give images a second of the three ways (medians) and their ratios.

    Parameters
    ----------
    threads
        Threads of torch inside of an operation, for all three ways; as they are by default.
    """
    before = torch.get_num_threads()
    if threads:
        torch.set_num_threads(threads)
    try:
        with tempfile.TemporaryDirectory(prefix="bench-encoding-") as folder:
            return _measure(make_folder(Path(folder), images), batch_size, readers, repeats)
    finally:
        torch.set_num_threads(before)


def _measure(sources: list[Source], batch_size: int, readers: int, repeats: int) -> dict[str, Any]:
    encoder = load_encoder(IMAGENET_ENCODER)  # it looks once, as the bare network does
    network = bare_network(encoder)
    side = encoder.preprocessing.recipe.size
    tensors = torch.randn(len(sources), 3, side, side, device=encoder.device)
    ways: dict[str, Callable[[], None]] = {
        "folder": lambda: _folder(encoder, sources, batch_size, readers),
        "bare": lambda: _network(network, tensors, batch_size),
        "own": lambda: _network(encoder.network, tensors, batch_size),
    }
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for name in ways:
        ways[name]()  # the first run of each pays for allocations and kernels
    for _ in range(repeats):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            rates[name].append(len(sources) / (time.perf_counter() - start))
    middle = {name: median(values) for name, values in rates.items()}
    return {
        "benchmark": "encoding",
        "ratio": median(a / b for a, b in zip(rates["folder"], rates["bare"], strict=True)),
        "ratio_to_own": median(a / b for a, b in zip(rates["folder"], rates["own"], strict=True)),
        "target": TARGET,
        "images_per_second": middle,
        "images": len(sources),
        "batch_size": batch_size,
        "readers": readers,
        "threads": torch.get_num_threads(),
        "repeats": repeats,
        "device": str(encoder.device),
    }


def bare_network(encoder: Encoder) -> torch.nn.Module:
    """Build timm's module with the encoder's weights, as quick as it is without changing it."""
    network, _ = load_network(find_spec(encoder.spec.name))
    network = network.to(encoder.device).eval().requires_grad_(False)
    return network.to(memory_format=torch.channels_last) if encoder.device.type == "cpu" else network


def _folder(encoder: Encoder, sources: list[Source], batch_size: int, readers: int) -> None:
    out = list(embed_stream(encoder, sources, batch_size=batch_size, readers=readers))
    if not all(isinstance(one, Embedded) for one in out):
        raise RuntimeError("the benchmark's own images were refused")


def _network(network: torch.nn.Module, tensors: torch.Tensor, batch_size: int) -> None:
    with torch.inference_mode():
        for batch in tensors.split(batch_size):
            network(batch).cpu()


def make_folder(folder: Path, images: int) -> list[Source]:
    """Write the pictures and give them as sources."""
    sources = []
    for number in range(images):
        kind = KINDS[number % len(KINDS)]
        path = folder / f"{number:04}{'.png' if number // len(KINDS) % 2 else '.jpg'}"
        Image.fromarray(_picture(kind, number)).save(path, **({"quality": 90} if path.suffix == ".jpg" else {}))
        sources.append(Source(path, kind))
    return sources


def _picture(kind: str, seed: int) -> NDArray[np.uint8]:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j]
    texture = gaussian_filter(rng.standard_normal((SIDE, SIDE)), 8)
    texture /= np.abs(texture).max()
    shape = {
        "CXR": 0.5 + 0.3 * np.cos(4 * x) * np.cos(3 * y),
        "CFP": np.where(x**2 + y**2 < 0.9, 0.6, 0.0),
    }[kind]
    grey = np.where(shape > 0, shape + 0.15 * texture + 0.01 * rng.standard_normal((SIDE, SIDE)), 0)
    picture = np.stack([grey, 0.6 * grey, 0.3 * grey], axis=-1) if kind == "CFP" else grey
    return (np.clip(picture, 0, 1) * 255).astype(np.uint8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.add_argument("--images", type=int, default=96)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--readers", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=None, help="torch's threads (default: as they are)")
    given = parser.parse_args()
    result = measure(
        images=given.images,
        batch_size=given.batch_size,
        readers=given.readers,
        repeats=given.repeats,
        threads=given.threads,
    )
    if given.json:
        print(json.dumps(result))
        return
    rates = result["images_per_second"]
    print(f"a folder of 512-px images  {rates['folder']:7.1f} images/s")
    print(f"the bare network           {rates['bare']:7.1f} images/s   ratio {result['ratio']:.2f} (target {TARGET})")
    print(f"the encoder's own, folded  {rates['own']:7.1f} images/s   ratio {result['ratio_to_own']:.2f}")


if __name__ == "__main__":
    main()
