"""What an image shows, judged from its pixels where neither header nor caller says.

Three kinds can be told by rules that a person can follow: a colour fundus photo is a lit reddish disc on
black, an OCT b-scan a bright layered band from edge to edge with a dark vitreous before it, a frontal chest
radiograph two dark lungs beside a bright mediastinum and above a bright abdomen. Each rule is a list of
measurements, each with two values: at the first the evidence is nil, at the second full. A rule is as sure
as its weakest measurement, and what no rule is sure of is ``"unknown"``: a wrong guess misleads more than
none. CT is told by its Hounsfield units when it is read; MR and everything else isn't guessed.

The values were set on half of the subjects of public sets (300 fundus photos of ODIR-5K and 60 of RIDB, 300
b-scans of OCTDL, 823 radiographs of NIH ChestX-ray14, Hannover and Kermany) and on photos, icons, brain MR slices,
noise and ramps, just outside the 2nd to 10th percentile of the kind meant; the other half of the subjects is for
the tests. The chest template is the mean of 409 of those radiographs and their mirror images.
"""

from collections.abc import Callable

from reid_engine.measurements import Image, measure_chest, measure_fundus, measure_oct, shrink

Rule = tuple[tuple[str, float, float], ...]

LEAST_CONFIDENCE = 0.5
"""Below this a guess is withheld."""

MOST_CONFIDENCE = 0.98
"""What a rule gives whose every measurement is full."""

FUNDUS_RULE: Rule = (
    ("dark_outside", 0.55, 0.85),  # share of dark pixels outside the disc
    ("outside", 0.03, 0.06),  # share of the frame outside the disc
    ("lit_inside", 0.85, 0.93),  # share of lit pixels inside the disc
    ("red", 0.38, 0.41),  # red's share of the mean colour
    ("blue", 0.32, 0.28),
    ("red_green_blue", 0.50, 0.75),  # share of pixels with red >= green >= blue
    ("tints", 0.008, 0.015),  # spread of (red - green) / (red + green): no grey image in false colour
    ("tints_most", 0.17, 0.13),
    ("evenness", 0.80, 0.60),  # relative spread of red
)
OCT_RULE: Rule = (
    ("dark_before", 0.55, 0.42),  # brightness before the band, relative to the band's
    ("contrast", 0.10, 0.20),  # of the band, in the weaker columns
    ("relative_contrast", 0.40, 0.60),
    ("alike", 0.25, 0.45),  # correlation of the weaker columns with their mean, aligned at the band
    ("jumps", 4.0, 2.5),  # 64ths of the height that the band moves from column to column
    ("at_edge", 0.25, 0.10),  # share of columns whose band touches the upper or lower edge
    ("height", 0.42, 0.34),  # of the band
    ("layered", 3.0, 2.0),  # log energy ratio of vertical and horizontal steps; a drawn band has no speckle
)
CHEST_RULE: Rule = (
    ("likeness", 0.60, 1.10),  # sum of the two correlations below
    ("template", 0.15, 0.45),  # correlation with the chest template
    ("across", 0.00, 0.30),  # the same within rows: lungs and mediastinum
    ("abdomen", 0.50, 1.00),  # how much brighter than the lungs, in standard deviations
    ("smooth_least", 0.04, 0.06),  # mean Laplacian by standard deviation: neither drawn
    ("smooth_most", 0.65, 0.50),  # nor textured
    ("aspect", 0.60, 0.45),  # distance of log(width / height) from 0
    ("midtones", 0.25, 0.40),  # share of pixels away from both ends: no silhouette
    ("round_field", 0.97, 0.93),  # how well lit pixels fill a disc on black: no eye photo
)


def guess_modality(pixels: Image) -> tuple[str, float]:
    """Tell what an image shows.

    Parameters
    ----------
    pixels
        (S, H, W) or (S, H, W, 3) display values in [0, 1].

    Returns
    -------
    tuple of str and float
        ``"CFP"``, ``"OCT"``, ``"CXR"`` or ``"unknown"``, and how sure that is, 0 to 1 (0 for unknown).
    """
    if len(pixels) == 1:
        return _guess_slice(pixels[0])
    count = len(pixels)
    guesses = [_guess_slice(pixels[i]) for i in (count // 4, count // 2, 3 * count // 4)]
    confidences = [confidence for name, confidence in guesses if name == "OCT"]
    return ("OCT", min(confidences)) if len(confidences) == len(guesses) else ("unknown", 0.0)


def _guess_slice(image: Image) -> tuple[str, float]:
    small = shrink(image)
    rules: dict[str, tuple[Rule, Callable[[Image], dict[str, float] | None]]]
    if image.ndim == 3:
        rules = {"CFP": (FUNDUS_RULE, measure_fundus)}
    else:
        rules = {"OCT": (OCT_RULE, measure_oct), "CXR": (CHEST_RULE, measure_chest)}
    sure = {name: _judge(rule, measure(small)) for name, (rule, measure) in rules.items()}
    best = max(sure, key=sure.__getitem__)
    return (best, sure[best]) if sure[best] >= LEAST_CONFIDENCE else ("unknown", 0.0)


def _judge(rule: Rule, measured: dict[str, float] | None) -> float:
    """Give the evidence of the weakest measurement, 0 to :data:`MOST_CONFIDENCE`."""
    if measured is None:
        return 0.0
    evidence = min((measured[name] - nil) / (full - nil) for name, nil, full in rule)
    return MOST_CONFIDENCE * min(max(evidence, 0.0), 1.0)
