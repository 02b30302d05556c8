"""A checkpoint's name or path -> the local directory that holds it; what a name means comes from a model hub."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from roformer_edge._extras import require
from roformer_edge.errors import CheckpointError, OptionError, shown

# owner/model, as the hub writes it; names without an owner look like a folder with a typo in it
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
# What is read beside the weights, in the root or in the folder of a module of sentence-transformers.
SETTINGS = (
    "*config.json", "vocab.txt", "tokenizer.json", "special_tokens_map.json", "added_tokens.json", "modules.json",
    "[0-9]_*/*",
)  # fmt: skip
_MAIN = "main"
# What is in every snapshot that can be used without the hub.
_LEAST = "config.json"
_SIGN_IN = "sign in with `hf auth login`, or set HF_TOKEN"
# What huggingface_hub raises, the narrower before the wider -> what it means, and what to do.
_MEANINGS = {
    "GatedRepoError": f"its owner asks for terms to be accepted; accept them on its page, and {_SIGN_IN}",
    "RepositoryNotFoundError": f"it has no such model, or not for everyone; {_SIGN_IN}",
    "RevisionNotFoundError": "it has no such revision of it",
    "RemoteEntryNotFoundError": "it lists a file that it does not have",
    "OfflineModeIsEnabled": "HF_HUB_OFFLINE is set, and the cache does not hold it",
}
# what the hub answers to those who have not signed in, where it says no more
_UNAUTHORIZED = (401, 403)


@dataclass(frozen=True, kw_only=True)
class HubOptions:
    """How a model is had from a hub; each is without effect on a path.

    Attributes:
        cache_dir: The folder of downloads; ``None`` for that of ``huggingface_hub``.
        force_download: Download what the cache holds again.
        local_files_only: Take what the cache holds, and ask no one.
        token: Proves who asks; ``True`` for the one that was stored, ``False`` for none, ``None`` for it where there is
            one.
    """

    cache_dir: str | os.PathLike[str] | None = None
    force_download: bool = False
    local_files_only: bool = False
    token: str | bool | None = None


DEFAULT_OPTIONS = HubOptions()
# Options of every from_pretrained of transformers that change nothing here, and why.
WITHOUT_EFFECT = {
    "trust_remote_code": "no code of a model is ever run",
    "code_revision": "no code of a model is ever run",
    "resume_download": "downloads are always resumed",
    "use_auth_token": "the older name of token",
    "use_fast": "the class says which tokenizer it is",
    "from_slow": "a tokenizer is made of its vocabulary anyway",
    "legacy": "of other tokenizers",
    "mirror": "HF_ENDPOINT names another hub",
    "_commit_hash": "where the files come from",
    "_from_auto": "where the call comes from",
    "_from_pipeline": "where the call comes from",
}


def take_options(options: dict[str, Any]) -> HubOptions:
    """Take the options that say how a model is had out of those of a ``from_pretrained`` of transformers.

    Args:
        options: All options; what is taken, or has no effect, is removed.

    Raises:
        OptionError: ``proxies`` are given.
    """
    if options.pop("proxies", None):
        raise OptionError("proxies", "a mapping", "left out; set HTTPS_PROXY, which every download obeys")
    if options.get("token") is None and options.get("use_auth_token") is not None:
        options["token"] = options["use_auth_token"]
    for name in WITHOUT_EFFECT:
        options.pop(name, None)
    names = [field.name for field in fields(HubOptions) if field.name in options]
    return HubOptions(**{name: options.pop(name) for name in names})


def inside(directory: str | os.PathLike[str], subfolder: str | None) -> str | os.PathLike[str]:
    """Return a folder in a directory, or the directory where none is named.

    Raises:
        OptionError: The directory is the name of a model.
    """
    if not subfolder:
        return directory
    if not Path(directory).is_dir():
        raise OptionError("subfolder", subfolder, "left out for a name; download the model, and give the folder's path")
    return Path(directory) / subfolder


def local_directory(
    source: str | os.PathLike[str],
    weights: Callable[[Sequence[str]], Sequence[str]] | None = None,
    *,
    revision: str | None = None,
    options: HubOptions = DEFAULT_OPTIONS,
) -> Path:
    """Find a checkpoint here, or download what is needed of it into the cache of Hugging Face.

    What is in the cache already is not downloaded again, and without a connection, or with ``HF_HUB_OFFLINE=1``, the
    cache alone is used. ``HF_ENDPOINT``, ``HF_HOME`` and ``HF_TOKEN`` mean what they mean to ``huggingface_hub``.

    Args:
        source: A path, or a name such as ``junnyu/roformer_chinese_base``. What exists here is a path.
        weights: Chooses the files of weights among the names of all files; ``None`` where none are wanted.
        revision: A branch, tag or commit of a name; ``None`` for the branch ``main``.
        options: How it is had.

    Returns:
        The directory; a path that does not exist and cannot be a name is returned as it is.

    Raises:
        CheckpointError: The hub does not have it, or cannot be reached while it is not in the cache.
        MissingDependencyError: ``huggingface_hub`` is not installed.
        OptionError: A revision of what is no name.
    """
    path = Path(source)
    name = path.as_posix() if isinstance(source, Path) else os.fspath(source)
    if path.exists() or not _NAME.fullmatch(name):
        if revision not in (None, _MAIN):  # which scripts for transformers say of paths too
            raise OptionError("revision", revision, "left out for a path; it is for names such as owner/model")
        return path
    hub = require("huggingface_hub", f"to download {name}, which is no path here")
    errors = require("huggingface_hub.errors", f"to download {name}")
    where = {"revision": revision, "cache_dir": options.cache_dir, "token": options.token}
    if not sys.stderr.isatty():
        require("huggingface_hub.utils", f"to download {name}").disable_progress_bars()
    try:
        try:
            if options.local_files_only:
                raise OSError("local_files_only is set, and the cache does not hold it")
            found = hub.HfApi(token=options.token).repo_info(name, revision=revision)
        except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError):
            raise  # the hub has answered
        except (OSError, errors.HTTPError) as error:
            return _cached(hub, name, where, error, weights)
        names = [sibling.rfilename for sibling in found.siblings]
        settings = [file for file in names if any(fnmatchcase(file, pattern) for pattern in SETTINGS)]
        needed = list(dict.fromkeys([*settings, *(weights(names) if weights else ())]))
        return Path(hub.snapshot_download(name, allow_patterns=needed, force_download=options.force_download, **where))
    except (OSError, ValueError, errors.HTTPError) as error:
        asked = name if revision is None else f"{name} ({shown(revision)})"
        raise CheckpointError(
            f"{asked} is no path here, and cannot be had from the model hub: {_meaning(error)}"
        ) from None


def _cached(
    hub: object,
    name: str,
    where: Mapping[str, object],
    error: Exception,
    weights: Callable[[Sequence[str]], Sequence[str]] | None,
) -> Path:
    """Find the snapshot that was downloaded before, or raise the error that kept the hub from answering.

    One that was downloaded for its settings alone is none where weights are wanted.
    """
    try:
        found = Path(
            hub.snapshot_download(  # type: ignore[attr-defined]  # the module
                name, allow_patterns=[_LEAST], local_files_only=True, **where
            )
        )
    except OSError:
        raise error from None
    # sentence-transformers may keep them in a folder of their own
    if weights is not None and not weights([file.name for file in found.rglob("*")]):
        raise CheckpointError(
            f"the cache holds {name} without its weights, and they cannot be had from the model hub: {_meaning(error)}"
        ) from None
    return found


def _meaning(error: Exception) -> str:
    """Say what an error of ``huggingface_hub`` means, in one line."""
    kinds = [kind.__name__ for kind in type(error).__mro__]
    for kind, meaning in _MEANINGS.items():
        if kind in kinds:
            return meaning
    if getattr(getattr(error, "response", None), "status_code", None) in _UNAUTHORIZED:
        return f"it lets only those in who may read it; {_SIGN_IN}"
    return shown(str(error).strip().partition("\n")[0] or type(error).__name__, 200)
