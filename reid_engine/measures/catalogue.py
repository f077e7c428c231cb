"""The measures that have a name."""

import numpy as np

from reid_engine.measures.measure import Measure, Picture, Slices, each_slice
from reid_engine.measures.painting import crop, crop_box, paint_disc, paint_frame, paint_marks
from reid_engine.measures.smoothing import average_slices, blur, despeckle, down_sample
from reid_engine.scan import MODALITIES, Scan

LEVELS = 16
"""Levels of each channel that quantisation leaves."""


def _quantise(picture: Picture, modality: str) -> Picture:
    steps = np.float32(LEVELS - 1)
    quantised: Picture = np.rint(picture * steps) / steps
    return quantised


def _unchanged(slices: Slices, modality: str) -> Slices:
    return slices.copy()


MEASURES: tuple[Measure, ...] = (
    Measure("header-only", "remove the header and keep every pixel", ("any",), _unchanged),
    Measure("crop", "keep the middle 80 % of the anatomy", ("any",), crop, box=crop_box),
    Measure("frame", "black out the frame around the anatomy", ("any",), each_slice(paint_frame)),
    Measure("marks", "paint over burnt-in letters and markers", ("CXR", "XR", "MG"), each_slice(paint_marks)),
    Measure("optic-disc", "paint over the optic disc", ("CFP",), each_slice(paint_disc)),
    Measure("blur", "blur", ("any",), each_slice(blur)),
    Measure("median", "take noise and speckle away by a median filter", ("any",), each_slice(despeckle)),
    Measure("down-sample", "reduce to 96 pixels", ("any",), each_slice(down_sample)),
    Measure("quantise", "keep 16 grey levels", ("any",), each_slice(_quantise)),
    Measure("average", "average neighbouring b-scans", ("OCT",), average_slices, volumes_only=True),
)
"""In the order in which they are offered."""


def measures_by_modality() -> dict[str, tuple[Measure, ...]]:
    """Give the measures that are offered for each modality, those for volumes alone among them."""
    return {
        modality: tuple(one for one in MEASURES if {"any", modality} & set(one.modalities)) for modality in MODALITIES
    }


def measures_for(scan: Scan) -> tuple[Measure, ...]:
    """Give the measures that suit a scan."""
    return tuple(measure for measure in MEASURES if measure.suits(scan))
