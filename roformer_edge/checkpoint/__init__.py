"""Checkpoint files of every framework: found, opened, checked, and read as canonical arrays."""
