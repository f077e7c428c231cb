"""Scoring tasks, one a file."""
