"""The version, in one place: pyproject.toml reads it and every manifest records it."""

__version__ = "0.1.0"
