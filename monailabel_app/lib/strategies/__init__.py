"""Strategies that choose the next image, one a file."""
