"""What a reader of a risk report must know, in sentences."""

from dataclasses import dataclass

DECISION_SUPPORT = "This is decision support, not a determination."
NOT_SAFE = "No match in this gallery is not proof of safety: other people may hold other images."


@dataclass(frozen=True)
class Circumstances:
    """What the caveats of one report depend on.

    Attributes
    ----------
    modality
        Of the scan.
    unfitted
        The gallery changed since it was fitted, or never was.
    uncalibrated
        Why there is no calibration.
    in_domain
        As in `Evidence`.
    absent
        Nobody is enrolled with images of the modality.
    trained
        The encoder was trained on identities.
    learnt, enrolled
        Enrolled images of the modality that the encoder was trained on, and all of them.
    copies
        Enrolled images that are nearly the same picture.
    copy_alone
        The subject of a copy has no other image here.
    same_day
        The best match was taken on the same day as the scan.
    within_sessions
        The calibration compares images of one session, for want of others.
    weak_pixels
        The pixel baseline finds the same subject.
    bounded
        The top likelihood ratio is the highest that the gallery supports.
    guessed
        The modality was judged from the image.
    """

    modality: str
    unfitted: bool = False
    uncalibrated: str | None = None
    in_domain: bool | None = True
    absent: bool = False
    trained: bool = False
    learnt: int = 0
    enrolled: int = 0
    copies: int = 0
    copy_alone: bool = False
    same_day: bool = False
    within_sessions: bool = False
    weak_pixels: bool = False
    bounded: bool = False
    guessed: bool = False


def caveats(case: Circumstances) -> tuple[str, ...]:
    """Give the sentences that apply, the general ones first."""
    said = [DECISION_SUPPORT, NOT_SAFE]
    if case.guessed:
        said.append(f"The modality {case.modality} was judged from the image; choose it yourself if it is another.")
    if case.unfitted:
        said.append("The gallery has changed since it was fitted, so there are no probabilities; fit it again.")
    if case.uncalibrated:
        said.append(f"There are no probabilities for {case.modality}: {case.uncalibrated}.")
    if case.trained:
        said.append(
            "The encoder was trained to tell people apart, so it may take a scan of quite another kind for one of the "
            "gallery's: look whether the scan is what it should be."
        )
    if case.learnt:
        said.append(
            f"The encoder learnt from {case.learnt} of the {case.enrolled} enrolled {case.modality} images: it finds "
            "these people more easily than others, so what was measured on them is too high for other people."
        )
    said += _domain(case) + _copies(case) + _comparison(case)
    return tuple(said)


def _domain(case: Circumstances) -> list[str]:
    if case.absent:
        return ["The scan looks like nothing that is enrolled."] if case.in_domain is False else []
    if case.in_domain is False:
        return [
            f"The scan does not look like the {case.modality} images of this gallery, so nothing that was measured on "
            "them applies to it."
        ]
    if case.in_domain is None:
        return ["Too few subjects are enrolled to tell whether the scan is of the kind that the gallery holds."]
    return []


def _copies(case: Circumstances) -> list[str]:
    if not case.copies:
        return []
    images = "An enrolled image is" if case.copies == 1 else f"{case.copies} enrolled images are"
    said = [
        f"{images} nearly the same picture as this scan. That links the scan to the gallery whatever it shows; it is "
        "flagged here and does not count as evidence of the person's identity."
    ]
    if case.copy_alone:
        said.append("The gallery has no other image of that subject, so what anatomy reveals cannot be measured.")
    return said


def _comparison(case: Circumstances) -> list[str]:
    said = []
    if case.same_day:
        said.append("The best match was taken on the same day; images of other visits are usually less alike.")
    if case.within_sessions:
        said.append(
            "The enrolled subjects have images of one session only, so the probabilities hold for another image of "
            "that session; across visits images are usually less alike."
        )
    if case.weak_pixels:
        said.append("Plain pixels find the same subject, so the match need not rest on anatomy.")
    if case.bounded:
        said.append("The likelihood ratio of the top subject is the highest that this gallery can support.")
    return said
