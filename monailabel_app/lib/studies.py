"""The studies folder as MONAI Label's datastore, read only.

MONAI Label's own local datastore writes its bookkeeping and label folders among the studies, lists no DICOM
files, and logs each file's name.
"""

import os
import time
from pathlib import Path
from typing import Any, NoReturn

from monailabel.interfaces.datastore import Datastore

from reid_engine.errors import ReidError

FRESH_SECONDS = 5.0
"""How old a listing may be when something is asked of it."""

SUFFIXES = (".dcm", ".nii", ".nii.gz", ".nrrd", ".png", ".jpg", ".jpeg", ".tif", ".tiff")


class StudiesFolder(Datastore):
    """Images of a folder and its subfolders; an image's id is its path in the folder, with ``/``.

    A file that a link leads out of the folder is not an image of it.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._images: dict[str, Path] = {}
        self._listed = 0.0
        self.refresh()

    def refresh(self) -> None:
        """List the folder anew."""
        images = {}
        for folder, _, names in os.walk(self.root):
            for name in names:
                path = Path(folder, name)
                if name.lower().endswith(SUFFIXES) and path.resolve().is_relative_to(self.root):
                    images[path.relative_to(self.root).as_posix()] = path
        self._images = dict(sorted(images.items()))
        self._listed = time.monotonic()

    def list_images(self) -> list[str]:
        """Give every image's id."""
        self._refresh_if_old()
        return list(self._images)

    def get_image_uri(self, image_id: str) -> str:
        """Give the path of a listed image, else an empty text; the id itself is never used as a path."""
        if image_id not in self._images:
            self._refresh_if_old()
        path = self._images.get(image_id)
        return str(path) if path is not None and path.is_file() else ""

    def status(self) -> dict[str, Any]:
        """Count the images; there are no labels here."""
        self._refresh_if_old()
        return {"total": len(self._images), "completed": 0, "label_tags": {}}

    def name(self) -> str:
        """Give a name that says nothing of the folder."""
        return "studies"

    def description(self) -> str:
        """Say what it is."""
        return "Read-only folder of studies"

    def json(self) -> dict[str, Any]:
        """Give the counts; ids are for those who have the folder."""
        return self.status()

    def datalist(self) -> list[dict[str, Any]]:
        """Give labelled images: none."""
        return []

    def get_labeled_images(self, label_tag: str | None = None, labels: list[str] | None = None) -> list[str]:
        """Give labelled images: none."""
        return []

    def get_unlabeled_images(self, label_tag: str | None = None, labels: list[str] | None = None) -> list[str]:
        """Give every image's id."""
        return self.list_images()

    def _refresh_if_old(self) -> None:
        if time.monotonic() - self._listed > FRESH_SECONDS:
            self.refresh()

    def _refuse(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise ReidError("the studies folder is read only and has no labels")

    set_name = set_description = add_image = remove_image = update_image_info = _refuse
    save_label = remove_label = update_label_info = get_dataset_archive = _refuse
    get_image = get_image_info = get_label = get_label_uri = get_label_info = _refuse
    get_labels_by_image_id = get_label_by_image_id = _refuse
