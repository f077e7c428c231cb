"""Infer tasks, one a file."""
