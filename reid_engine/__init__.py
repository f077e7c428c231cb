"""Measures how easily a medical image identifies the patient."""

__version__ = "0.1.0"
