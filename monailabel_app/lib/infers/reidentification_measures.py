"""The infer task: what would make a scan less recognisable, and the changed copies."""

from pathlib import Path
from typing import Any

from monailabel.interfaces.tasks.infer_v2 import InferTask, InferType

from lib.desk import Desk
from lib.infers.written import written
from lib.params import MeasureParams
from reid_engine import __version__
from reid_engine.measures import measures_by_modality

NAME = "reidentification_measures"


class ReidentificationMeasuresTask(InferTask):
    """Answers the risk before and after each measure, and the copy where one is asked for."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(
            type=InferType.OTHERS,
            labels=[],
            dimension=2,
            description="Tells what measures on a copy of a scan do to its risk and to its picture",
        )
        self.desk = desk

    def info(self) -> dict[str, Any]:
        """Say which measures there are for each modality."""
        return {
            **super().info(),
            "version": __version__,
            "params": list(MeasureParams().as_request()),
            "measures": {
                modality: [{"name": one.name, "title": one.title, "volumes_only": one.volumes_only} for one in measures]
                for modality, measures in measures_by_modality().items()
            },
        }

    def is_valid(self) -> bool:
        """Tell that it can be asked; what is missing, the answer says."""
        return True

    def __call__(self, request: dict[str, Any]) -> tuple[str | None, dict[str, Any]]:
        """Compare measures on the scan at ``request["image"]``; where there is a ``"result"``, write the copy there."""
        path, params, progress = Path(request["image"]), MeasureParams.of(request), request["progress"]
        if not request.get("result"):
            return written(request, self.desk.compare(path, params, progress))
        return written(request, self.desk.make_copy(path, params, progress))
