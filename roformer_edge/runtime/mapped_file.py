"""Pages of a mapped file that nobody will read again."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

_MAPS = Path("/proc/self/maps")
_MADV_DONTNEED = 4


def let_go_of_pages(path: Path) -> None:
    """Take the pages of a file that this process has mapped out of its memory; a page that is read again comes back.

    An engine maps a model and packs its weights into memory of its own: after that the mapping counts once more for
    what is not read again. Linux only; elsewhere nothing happens, and nothing is lost by it.

    Args:
        path: The file, which nobody writes to.
    """
    if sys.platform != "linux":
        return
    try:
        status = path.stat()
        lines = _MAPS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return
    device = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}"
    libc = ctypes.CDLL(None)
    for line in lines:
        # 7f2c8e000000-7f2c95e2c000 r--p 00000000 fe:00 1311 /path
        addresses, access, _, on, inode, *_ = line.split(maxsplit=5)
        if on == device and inode == str(status.st_ino) and "w" not in access:
            start, end = (int(address, 16) for address in addresses.split("-"))
            libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), _MADV_DONTNEED)
