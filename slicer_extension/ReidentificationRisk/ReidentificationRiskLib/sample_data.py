"""An entry of Slicer's Sample Data module: a chest that is drawn here, so that it needs no network and shows nobody."""

import os
from typing import Any

import numpy as np
import slicer

from ReidentificationRiskLib.i18n import tr as _
from ReidentificationRiskLib.phantom import SPACING, draw_chest
from ReidentificationRiskLib.showing import show_volume

NAME = "PhantomChest"
MODULE_FOLDER = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PICTURE = os.path.join(MODULE_FOLDER, "Resources", "Icons", NAME + ".png")
LPS_TO_RAS = (-1.0, -1.0, 1.0)


def register_sample_data() -> None:
    """Put the phantom into Sample Data's list; once is enough, and without that module it is left out."""
    try:
        import SampleData
    except ImportError:  # a Slicer that was built without it
        return
    SampleData.SampleDataLogic.registerCustomSampleDataSource(
        category=_("Re-identification Risk"),
        sampleName=NAME,
        uris=["procedural:" + NAME],  # nothing is fetched: the function below draws it
        fileNames=[NAME],
        nodeNames=[NAME],
        checksums=[None],
        loadFiles=[None],
        thumbnailFileName=PICTURE,
        customDownloader=add_phantom,
    )


def add_phantom(source: Any = None, seed: int = 1) -> Any:
    """Add the phantom to the scene, shown; give its volume node.

    Parameters
    ----------
    source
        What Sample Data hands to a source of its own; not needed.
    seed
        Another one is another person.
    """
    geometry = np.diag([SPACING * sign for sign in LPS_TO_RAS] + [1.0])
    volume = slicer.util.addVolumeFromArray(draw_chest(seed).astype(np.int16)[np.newaxis], geometry, NAME)
    show_volume(volume)
    return volume
