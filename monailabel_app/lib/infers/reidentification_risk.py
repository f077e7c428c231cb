"""The infer task: how easily a scan identifies its patient."""

from pathlib import Path
from typing import Any

from monailabel.interfaces.tasks.infer_v2 import InferTask, InferType

from lib.desk import Desk
from lib.params import CheckParams
from lib.shelf import Shelf
from reid_engine import __version__
from reid_engine.scan import MODALITIES

NAME = "reidentification_risk"


class ReidentificationRiskTask(InferTask):
    """Answers a RiskReport as JSON; there is no image to answer."""

    def __init__(self, desk: Desk, shelf: Shelf) -> None:
        super().__init__(
            type=InferType.OTHERS,
            labels=[],
            dimension=2,
            description="Checks how easily a scan identifies its patient among those of a gallery",
        )
        self.desk = desk
        self.shelf = shelf

    def info(self) -> dict[str, Any]:
        """Say what is checked with, in counts."""
        return {
            **super().info(),
            "version": __version__,
            "modalities": list(MODALITIES),
            "params": list(CheckParams().as_request()),
            **self.shelf.facts(),
        }

    def is_valid(self) -> bool:
        """Tell that it can be asked; what is missing, the answer says."""
        return True

    def __call__(self, request: dict[str, Any]) -> tuple[None, dict[str, Any]]:
        """Check the scan at ``request["image"]``, a path that the server chose."""
        return None, self.desk.check(Path(request["image"]), CheckParams.of(request))
