"""The infer task: how easily a scan identifies its patient."""

from pathlib import Path
from typing import Any

from monailabel.interfaces.tasks.infer_v2 import InferTask, InferType

from lib.desk import Desk
from lib.infers.written import written
from lib.params import CheckParams
from lib.shelf import Shelf
from reid_engine import __version__
from reid_engine.scan import MODALITIES

NAME = "reidentification_risk"


class ReidentificationRiskTask(InferTask):
    """Answers a RiskReport as JSON, and the map of the regions that made a match where that is asked for."""

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
            "explains": True,
            **self.shelf.facts(),
        }

    def is_valid(self) -> bool:
        """Tell that it can be asked; what is missing, the answer says."""
        return True

    def __call__(self, request: dict[str, Any]) -> tuple[str | None, dict[str, Any]]:
        """Check the scan at ``request["image"]``, a path that the server chose; a ``"result"`` is where a map goes."""
        path, params = Path(request["image"]), CheckParams.of(request)
        if not request.get("result"):
            return written(request, self.desk.check(path, params))
        return written(request, self.desk.explain(path, params, request["progress"]))
