"""The user's cache folder: what lies there saves time, and may be deleted at any time."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def user_cache_folder(name: str) -> Path:
    """Name a folder of this package in the user's cache folder.

    Raises:
        RuntimeError: This user has no home folder.
    """
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or "~/AppData/Local"
    elif sys.platform == "darwin":
        base = "~/Library/Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "roformer-edge" / name
