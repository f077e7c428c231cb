"""Figures of an evaluation as SVG markup that goes inline into a page, one kind a file."""
