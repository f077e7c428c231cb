"""The endpoints of pictures: which images the studies hold, and what an enrolled one looks like.

Closed unless the operator opens them: ids are file names, and pictures are patients.
"""

import time

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response
from monailabel.interfaces.app import MONAILabelApp
from starlette.requests import ClientDisconnect

from lib.desk import Desk
from lib.failures import Refusal, explain
from lib.lanes import Lane
from lib.lines import folders
from lib.options import Options
from lib.quiet import LOG, where
from lib.study_ids import StudyIds
from reid_engine.cohort import Sample

MOST_LISTED = 10_000
LONGEST_ID = 4096
LONGEST_SIDE = 1024
"""Pixels of a picture's longer side, at most."""

WAITING = 16
CLOSED = "the server shows no images unless its operator allows it, by --conf images yes or reid-engine serve --images"

_NO_STORE = {"cache-control": "no-store"}


class Images:
    """Answers with ids and pictures, never with a header or a path.

    MONAI Label's own endpoints would give whole files, and their headers.

    Parameters
    ----------
    app
        Whose datastore the studies are.
    options
        The app's options.
    desk
        Whose gallery is looked up.
    study_ids
        Which image of the studies is which sample.
    """

    def __init__(self, app: MONAILabelApp, options: Options, desk: Desk, study_ids: StudyIds) -> None:
        self.app = app
        self.options = options
        self.desk = desk
        self.study_ids = study_ids
        self._lane = Lane("picture", 1, WAITING)

    async def listing(self, request: Request) -> Response:
        """List the ids of the studies' images, the first 10,000 in the order of their names."""
        self._look_over(request, set())
        images = await run_in_threadpool(self.app.datastore().list_images)
        return JSONResponse({"images": images[:MOST_LISTED], "total": len(images)}, headers=_NO_STORE)

    async def enrolled(self, request: Request, sample: str = "") -> Response:
        """Give the middle slice of an enrolled image as NIfTI: the pixels in 8 bits and their spacing, nothing else."""
        self._look_over(request, {"sample"})
        if not 0 < len(sample) <= LONGEST_ID:
            raise Refusal(422, "sample must be the sample_id of one of the matches")
        try:
            with self._lane.place():
                return await self._lane.run(request, lambda: self._picture(sample))
        except ClientDisconnect:
            return Response(status_code=499)  # nobody is there to read it

    def _look_over(self, request: Request, taken: set[str]) -> None:
        if not self.options.images:
            raise Refusal(403, CLOSED)
        if set(request.query_params) - taken:
            raise Refusal(400, f"the address has a parameter that is not taken; {', '.join(taken) or 'none'} is")

    def _picture(self, sample_id: str) -> Response:
        start = time.perf_counter()
        names: dict[str, str] = folders(self.options)
        try:
            sample = self.study_ids.sample(self.app.datastore(), sample_id)
            if sample is None:
                raise Refusal(404, "the enrolled image is not among the studies of this server")
            names = {str(sample.path): "the image", sample.path.name: "the image", **names}
            data = self._read(sample)
        except Exception as error:
            refusal = explain(error, names)
            LOG.warning("a picture was refused with %d (%s)", refusal.status, where(error))
            raise refusal from None
        LOG.info("a picture was answered in %.2f s", time.perf_counter() - start)
        head = {"content-disposition": 'attachment; filename="enrolled.nii.gz"', **_NO_STORE}
        return Response(data, media_type="application/octet-stream", headers=head)

    def _read(self, sample: Sample) -> bytes:
        from reid_engine.report.pictures import small_nifti
        from reid_engine.scan import read_scan

        digest = self.desk.digest_of(sample.sample_id)
        if digest is None:
            raise Refusal(404, "no such image is enrolled in the gallery of this server")
        scan = read_scan(sample.path, modality=sample.modality)
        if scan.pixel_digest != digest:
            raise Refusal(404, "the image of this name among the studies is not the one that was enrolled")
        return small_nifti(scan, LONGEST_SIDE)
