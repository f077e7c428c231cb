"""Thin adapters between MONAI Label and reid_engine; no mathematics."""
