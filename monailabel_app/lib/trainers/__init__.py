"""Train tasks, one a file."""
