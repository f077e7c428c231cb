"""A look at headers in words: rows for a table, and what stands above it."""

from typing import List

from ReidentificationRiskLib.basic_profile import EDITION
from ReidentificationRiskLib.header import Finding, Look
from ReidentificationRiskLib.i18n import tr as _


def header_heads() -> List[str]:
    """Give the column heads; the last is that of the values."""
    return [_("Tag"), _("Profile"), _("Attribute"), _("Value")]


def header_rows(findings: List[Finding], revealed: bool) -> List[List[str]]:
    """Give one row for each finding, with its values only where they are revealed."""
    return [
        [row.tag, row.action, _name(row), ", ".join(value or "–" for value in row.values) if revealed else ""]
        for row in findings
    ]


def header_sentences(look: Look, missing: int) -> List[str]:
    """Say what was found, worst first, and what it rests on."""
    return [
        line for line in (_found(look), _removed(look), _burned(look), _features(look), _files(look, missing)) if line
    ]


def header_note() -> str:
    """Say what a table of findings cannot know."""
    return _(
        "Profile: X removed, Z emptied, D replaced by a dummy, U another UID ({edition}). A value that is there may be "
        "a replacement already, above all a UID: look at it."
    ).format(edition=EDITION)


def _name(row: Finding) -> str:
    if not row.private:
        return row.name
    creator = row.name or _("unknown creator")
    return _("Private, {creator}: {n}").format(creator=creator, n=row.private)


def _found(look: Look) -> str:
    listed = [row for row in look.findings if not row.private]
    private = sum(row.private for row in look.findings)
    if not look.read:
        return ""
    if not listed and not private:
        return _("No attribute that the Basic Profile removes or replaces holds a value, and no private one.")
    return _(
        "Still holding a value: {n} attributes that the Basic Profile removes or replaces; private ones: {private}."
    ).format(n=len(listed), private=private)


def _removed(look: Look) -> str:
    said = _said(look, "PatientIdentityRemoved")
    if said == "YES":
        return _("The header says that the patient's identity was removed.")
    if said == "NO":
        return _("The header says that the patient's identity was NOT removed.")
    if said == "":
        return _("The header does not say that the patient's identity was removed.")
    return _("The files differ in what they say of the removal of the patient's identity.") if look.read else ""


def _burned(look: Look) -> str:
    said = _said(look, "BurnedInAnnotation")
    if said == "YES":
        return _("The header says that text is BURNED INTO the pixels: look for names there.")
    if said == "NO":
        return _("The header says that no text is burned into the pixels.")
    if said == "":
        return _("The header does not say whether text is burned into the pixels: look.")
    return _("The files differ in whether text is burned into the pixels: look.") if look.read else ""


def _features(look: Look) -> str:
    if "YES" in look.statements["RecognizableVisualFeatures"]:
        return _("The header says that the patient could be recognised from the image by eye.")
    return ""


def _said(look: Look, name: str) -> str:
    """Give the one value of all files, "" where none has the attribute, "?" where they differ."""
    values = look.statements[name]
    return values[0].upper() if len(values) == 1 else "?"


def _files(look: Look, missing: int) -> str:
    parts = [_("1 file was read") if look.read == 1 else _("{n} files were read").format(n=look.read)]
    if look.unreadable:
        parts.append(_("{n} could not be read").format(n=look.unreadable))
    if missing:
        parts.append(_("{n} are no longer where they were loaded from").format(n=missing))
    return ", ".join(parts) + "."
