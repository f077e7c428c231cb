"""Real images as scans, and what becomes of images on their way through other programs."""

import io
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from reid_engine.scan import Scan, read_scan


def listed(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "manifest.csv", dtype=str)


def read_all(folder: Path, count: int | None = None) -> tuple[list[Scan], pd.DataFrame]:
    """Read a folder's first scans."""
    table = listed(folder)[:count]
    return [
        read_scan(folder / file, modality=kind) for file, kind in zip(table.file, table.modality, strict=True)
    ], table


def open_image(path: Path, modality: str) -> Image.Image:
    image = Image.open(path)
    return image.convert("RGB" if modality == "CFP" else "L")


def as_scan(image: Image.Image, modality: str) -> Scan:
    return Scan(np.asarray(image, dtype=np.float32)[None] / 255, modality)


def jpeg(quality):
    def change(image):
        data = io.BytesIO()
        image.save(data, "JPEG", quality=quality)
        return Image.open(data)

    return change


def levels(function):
    def change(image):
        table = [min(255, max(0, round(255 * function(value / 255)))) for value in range(256)]
        return image.point(table * len(image.getbands()))

    return change


def half(image):
    return image.resize((image.width // 2, image.height // 2), Image.Resampling.BICUBIC)


def moved(image, by=2):
    return image.transform(image.size, Image.Transform.AFFINE, (1, 0, by, 0, 1, by))


CHANGES = {
    "JPEG at quality 90": jpeg(90),
    "JPEG at quality 50": jpeg(50),
    "JPEG at quality 30": jpeg(30),
    "half the size": half,
    "half the size, then JPEG at quality 30": lambda image: jpeg(30)(half(image)),
    "brighter": levels(lambda v: 1.2 * v),
    "darker": levels(lambda v: 0.75 * v),
    "gamma 0.7": levels(lambda v: v**0.7),
    "gamma 1.4": levels(lambda v: v**1.4),
    "moved by 2 pixels": moved,
}
