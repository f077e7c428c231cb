"""How things stand with the server, in words and colours."""

from typing import Any, Dict, List, NamedTuple

from ReidentificationRiskLib import connection as states
from ReidentificationRiskLib.i18n import tr as _
from ReidentificationRiskLib.wording import NOTHING, count

TASK, MEASURES = "reidentification_risk", "reidentification_measures"
COLOURS: Dict[str, str] = {
    "good": "color: #14553f; background: #e2f3ec; border: 1px solid #1b6e53;",
    "warning": "color: #7a4600; background: #fff1d6; border: 1px solid #a65f00;",
    "bad": "color: #8c1d18; background: #fbe3e1; border: 1px solid #b3261e;",
    "plain": "color: #1a1a1a; background: #e8e8ec; border: 1px solid #4a4a55;",
}


class Standing(NamedTuple):
    """A key of COLOURS, one word or two, and a sentence."""

    colour: str
    word: str
    sentence: str


def standing(connection: Any) -> Standing:
    """Say how things stand with the server."""
    state, info = connection.state, connection.info
    if state == states.CONNECTED:
        reason = _gallery_trouble(info)
        if reason:
            return Standing("warning", _("Connected, not ready"), reason)
        return Standing("good", _("Connected"), _found(connection))
    if state == states.ASKING:
        return Standing("plain", _("Connecting …"), _("Asking the server what it is. No scan is sent."))
    if state == states.SIGN_IN:
        return Standing("warning", _("Token needed"), connection.reason)
    if state == states.FAILED:
        return Standing("bad", _("Not connected"), connection.reason)
    return Standing("plain", _("Not asked yet"), _("Connect asks the server what it is. No scan is sent."))


def _found(connection: Any) -> str:
    """Say which models and how large a gallery the server has."""
    parts = [_gallery(connection.info), _models(connection.info)]
    return " ".join(part for part in parts if part)


def _gallery(info: Dict[str, Any]) -> str:
    gallery = _task(info).get("gallery")
    gallery = gallery if isinstance(gallery, dict) else {}
    subjects, samples = count(gallery.get("subjects")), count(gallery.get("samples"))
    if subjects == NOTHING:
        return _("It does not say how many subjects are enrolled.")
    kinds = gallery.get("by_modality")
    named = [f"{kind} {count(held.get('subjects'))}" for kind, held in _rows(kinds)]
    by = f" ({', '.join(named)})" if named else ""
    return _("Gallery: {subjects} subjects{by}, {samples} images.").format(subjects=subjects, by=by, samples=samples)


def _models(info: Dict[str, Any]) -> str:
    models = info.get("models")
    names: List[str] = sorted(str(name) for name in models) if isinstance(models, (dict, list)) else []
    known = {TASK: _("risk"), MEASURES: _("measures")}
    said = [known.get(name, name) for name in names]
    encoder = _task(info).get("encoder")
    if isinstance(encoder, dict) and encoder.get("name"):
        said.append(_("encoder {name}").format(name=encoder["name"]))
    return _("Models: {names}.").format(names=", ".join(said)) if said else ""


def _gallery_trouble(info: Dict[str, Any]) -> str:
    task = _task(info)
    if task.get("state") in (None, "ready"):
        return ""
    reason = task.get("reason")
    text = " ".join(str(reason).split()) if reason else _("Nobody is enrolled there yet.")
    text = text[:1].upper() + text[1:]
    return text if text[-1:] in ".!?…" else text + "."


def _task(info: Dict[str, Any]) -> Dict[str, Any]:
    models = info.get("models")
    task = models.get(TASK) if isinstance(models, dict) else None
    return task if isinstance(task, dict) else {}


def _rows(kinds: Any) -> List[Any]:
    return [(k, v) for k, v in kinds.items() if isinstance(v, dict)] if isinstance(kinds, dict) else []
