"""The parts of the panel, one noun a file; importing this package imports neither Qt nor Slicer."""
