"""Re-identification Risk as a MONAI Label app.

``monailabel start_server --app monailabel_app --studies DIR --conf gallery DIR [--conf encoder NAME]``
"""

import sys
from typing import Any

from lib.desk import Desk
from lib.exposures import Exposures
from lib.infers import reidentification_measures, reidentification_risk
from lib.options import read_options
from lib.quiet import end_quietly, hush
from lib.scoring import cohort_reidentification
from lib.shelf import Shelf
from lib.strategies import highest_risk
from lib.studies import StudiesFolder
from lib.study_ids import StudyIds
from lib.trainers import gallery, leakage_probes, reid_encoder
from monailabel.config import settings
from monailabel.interfaces.app import MONAILabelApp
from monailabel.interfaces.tasks.infer_v2 import InferTask
from monailabel.interfaces.tasks.scoring import ScoringMethod
from monailabel.interfaces.tasks.strategy import Strategy
from monailabel.interfaces.tasks.train import TrainTask

from reid_engine import __version__
from reid_engine.errors import ServeError
from reid_engine.memory import reuse_large_buffers

hush()
reuse_large_buffers()


class ReidentificationRisk(MONAILabelApp):
    """Checks scans against a gallery; enrols the studies folder into it, scores it, and proposes what to review.

    Parameters
    ----------
    app_dir, studies, conf
        As MONAI Label gives them; `conf` is explained in :mod:`lib.options`.
    """

    def __init__(self, app_dir: str, studies: str, conf: dict[str, str]) -> None:
        if settings.MONAI_LABEL_AUTH_ENABLE:
            raise ServeError("MONAI_LABEL_AUTH_ENABLE is not supported; give a token with --conf token_file FILE")
        # A scoring is run when it is asked for, and nothing of a checked scan is kept: no sessions.
        settings.MONAI_LABEL_AUTO_UPDATE_SCORING = False
        settings.MONAI_LABEL_SESSIONS = False
        self.options = read_options(conf, studies)
        self.study_ids = StudyIds()
        self.desk = Desk(self.options, lambda sample_id: self.study_ids.sample(self.datastore(), sample_id))
        self.exposures = Exposures(self.options.gallery)
        self.shelf = Shelf(self.options.gallery, self.options.encoder)
        super().__init__(
            app_dir=app_dir,
            studies=studies,
            conf=conf,
            name="Re-identification Risk",
            description="Measures how easily a scan identifies its patient, before it is shared",
            version=__version__,
        )
        served = sys.modules.get("monailabel.app")  # absent in the process of a task
        if served is None:
            end_quietly()
        else:
            from lib.takeover import take_over

            take_over(served.app, self)
            self.desk.warm_up()

    def init_datastore(self) -> StudiesFolder:
        """Give the studies, read only."""
        return StudiesFolder(self.options.studies)

    def init_infers(self) -> dict[str, InferTask]:
        """Give the infer tasks."""
        return {
            reidentification_risk.NAME: reidentification_risk.ReidentificationRiskTask(self.desk, self.shelf),
            reidentification_measures.NAME: reidentification_measures.ReidentificationMeasuresTask(self.desk),
        }

    def init_trainers(self) -> dict[str, TrainTask]:
        """Give the train tasks."""
        return {
            gallery.NAME: gallery.EnrolStudies(self.desk),
            leakage_probes.NAME: leakage_probes.FitProbes(self.options),
            reid_encoder.NAME: reid_encoder.TrainEncoder(self.options),
        }

    def init_strategies(self) -> dict[str, Strategy]:
        """Give the one strategy, which proposes images for review; nothing is to be labelled."""
        return {highest_risk.NAME: highest_risk.HighestRisk(self.exposures, self.study_ids)}

    def init_scoring_methods(self) -> dict[str, ScoringMethod]:
        """Give the one scoring."""
        return {cohort_reidentification.NAME: cohort_reidentification.CohortReidentification(self.options)}

    def info(self) -> dict[str, Any]:
        """Say what the app has, and what this server may be asked for."""
        meta: dict[str, Any] = super().info()
        server = {
            "images": self.options.images,
            "studies": meta["datastore"]["total"] > 0,
            "sign_in": "token" if self.options.token else None,
            "gallery_state": meta["models"][reidentification_risk.NAME]["state"],
        }
        return {**meta, "server": server}

    def init_batch_infer(self) -> Any:
        """Give none: a check is asked for one scan at a time."""
        return None

    def on_init_complete(self) -> None:
        """Start nothing: MONAI Label would run all scorings, and a scheduler for sessions, of which there are none."""
