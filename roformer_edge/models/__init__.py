"""Checkpoint files and the reference models. Importing this package loads numpy at most; torch waits for its module."""
