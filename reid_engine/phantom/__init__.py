"""Synthetic cohorts: procedural fundus photographs, OCT b-scans and chest x-rays.

No image of a person went into them. Anatomy is fixed by the subject, a sex-dependent trait and an age trend
are planted, and every session adds its own nuisance, so that what the rest of the library measures has a
known cause.
"""

from reid_engine.phantom.cohort import write_phantom_cohort
from reid_engine.phantom.scan import MODALITIES, phantom_scan, render_phantom

__all__ = ["MODALITIES", "phantom_scan", "render_phantom", "write_phantom_cohort"]
