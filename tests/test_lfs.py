from __future__ import annotations

import pytest

from roformer_edge import lfs

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (POINTER, True),
        (b"", False),
        (b"version https://git-lfs", False),
        (b"# " + POINTER, False),
        (POINTER + b" " * 2000, False),
    ],
    ids=["a pointer", "empty", "half of one", "about one", "too long for one"],
)
def test_a_pointer_is_told_from_a_file(tmp_path, content, expected):
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    assert lfs.find_pointer(path) is expected


def test_the_message_says_what_to_do():
    assert lfs.pointer_message("a/b.bin") == (
        "a/b.bin is a Git LFS pointer, not the file itself: run git lfs pull where it was cloned, or download the file"
    )
