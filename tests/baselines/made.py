"""Scans that are made for the baselines' tests."""

import numpy as np

from reid_engine.phantom import phantom_scan
from reid_engine.scan import Scan, digest_pixels


def scan_of(pixels, modality):
    """Give 8-bit pixels (H, W), (H, W, 3), (S, H, W) or (S, H, W, 3) as a scan."""
    slices = pixels if pixels.ndim == 4 or (pixels.ndim == 3 and pixels.shape[-1] != 3) else pixels[None]
    values = np.ascontiguousarray(slices, dtype=np.float32) / np.float32(255)
    return Scan(values, modality=modality, modality_source="caller", pixel_digest=digest_pixels(values))


def phantom(modality, subject=0, session=0, size=160):
    return scan_of(phantom_scan(modality, subject, session, size=size), modality)


def odd_scans():
    """Give scans at the edge of what there is, by name."""
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (40, 56, 3), dtype=np.uint8)
    found = {
        "noise in colour": scan_of(noise, "CFP"),
        "one row": scan_of(noise[:1, :, 0], "CXR"),
        "one pixel": scan_of(noise[:1, :1], "CFP"),
        "few pixels": scan_of(noise[:4, :5, 0], "OCT"),
        "long": scan_of(rng.integers(0, 256, (8, 1300), dtype=np.uint8), "CXR"),
        "grey volume": scan_of(rng.integers(0, 256, (21, 40, 48), dtype=np.uint8), "CT"),
        "colour volume": scan_of(rng.integers(0, 256, (5, 40, 48, 3), dtype=np.uint8), "US"),
        "volume of b-scans": scan_of(np.stack([phantom_scan("OCT", 0, s, size=96) for s in range(4)]), "OCT"),
    }
    for modality in ("CFP", "OCT", "CXR", "MR", "unknown"):
        for level in (0, 128, 255):
            found[f"constant {modality} {level}"] = scan_of(np.full((48, 64), level, dtype=np.uint8), modality)
    found["constant in colour"] = scan_of(np.full((48, 64, 3), (200, 80, 20), dtype=np.uint8), "CFP")
    return found
