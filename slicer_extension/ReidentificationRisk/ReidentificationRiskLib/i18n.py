"""Slicer's translation of the panel's texts; outside Slicer they stay as they are."""

try:
    from slicer.i18n import tr
except ImportError:

    def tr(text: str) -> str:
        """Give the text itself."""
        return text
