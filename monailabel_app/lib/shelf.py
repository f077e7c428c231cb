"""What is known of the gallery without an encoder: whether there is one, and how many are enrolled."""

from pathlib import Path
from typing import Any

from reid_engine.errors import ReidError
from reid_engine.matcher.gallery import Gallery
from reid_engine.matcher.ledger import LEDGER_NAME

NO_GALLERY = "no gallery yet: run the train task 'gallery' or reid-engine enrol"

UNUSABLE = "the gallery cannot be opened; the operator finds out why with reid-engine check"


def has_gallery(path: Path) -> bool:
    """Tell whether a folder holds a gallery."""
    return (path / LEDGER_NAME).is_file()


class Shelf:
    """Counts a gallery's subjects and samples, anew when it changed.

    Parameters
    ----------
    path
        The gallery's folder, which may appear later.
    encoder
        Name of the encoder that the operator wants, if any.
    """

    def __init__(self, path: Path, encoder: str | None) -> None:
        self.path = path
        self.encoder = encoder
        self._gallery: Gallery | None = None
        self._counted: tuple[str, int, dict[str, Any]] | None = None

    def facts(self) -> dict[str, Any]:
        """Give counts, never an id: encoder, subjects and samples in all and by modality, and the state.

        ``state`` is ``"ready"``, ``"no gallery"``, ``"other encoder"`` or ``"unusable"``.
        """
        if not has_gallery(self.path):
            return {"state": "no gallery", "reason": NO_GALLERY}
        try:
            gallery = self._latest()
        except ReidError:
            return {"state": "unusable", "reason": UNUSABLE}
        made_with = gallery.encoder
        facts = {"encoder": {"name": made_with.name, "dim": made_with.dim}, "gallery": self._count(gallery)}
        if self.encoder not in (None, made_with.name):
            reason = f"the gallery was made with the encoder {made_with.name}, and the server runs {self.encoder}"
            return {"state": "other encoder", "reason": reason, **facts}
        return {"state": "ready" if facts["gallery"]["samples"] else "no gallery", **facts}

    def _latest(self) -> Gallery:
        try:
            if self._gallery is not None:
                self._gallery.reload()
                return self._gallery
        except ReidError:
            pass  # made anew with another encoder: open it again
        self._gallery = Gallery.open(self.path)
        return self._gallery

    def _count(self, gallery: Gallery) -> dict[str, Any]:
        state = (gallery.encoder.fingerprint, gallery.samples_generation)
        if self._counted is None or self._counted[:2] != state:
            table = gallery.snapshot().table
            modalities = table.groupby("modality", dropna=True)["subject_id"].agg(["nunique", "size"])
            counts = {
                "subjects": int(table["subject_id"].nunique()),
                "samples": len(table),
                "by_modality": {
                    str(name): {"subjects": int(row["nunique"]), "samples": int(row["size"])}
                    for name, row in modalities.iterrows()
                },
            }
            self._counted = (*state, counts)
        return self._counted[2]
