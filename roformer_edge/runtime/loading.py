"""``load``: a bundle in, something that answers out."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload
from weakref import WeakSet

from roformer_edge.bundle.background import Background, frequent_switches
from roformer_edge.bundle.manifest import ROLES
from roformer_edge.bundle.reader import Bundle, open_bundle
from roformer_edge.config import RoFormerConfig, check_vocabulary
from roformer_edge.errors import (
    BackendError,
    BundleFormatError,
    ConfigError,
    OptionError,
    SelfTestError,
    UnknownNameError,
    UnsupportedModelError,
    advice,
)
from roformer_edge.formats import Format, get_format, resolve, version_tuple
from roformer_edge.records import parse_object
from roformer_edge.runtime.delegates import Wish
from roformer_edge.runtime.session import (
    AUTO,
    BackendReport,
    Optimization,
    Session,
    SessionOptions,
    Threads,
    check_threads,
)
from roformer_edge.runtime.suitability import Suitability, suitability_of
from roformer_edge.signatures import Signature, TensorSpec, fixed_size
from roformer_edge.tasks import get_task

if TYPE_CHECKING:
    from typing import Literal, TypedDict

    from typing_extensions import Unpack

    from roformer_edge.runtime.pipelines.base import Origin, Pipeline
    from roformer_edge.runtime.pipelines.feature_extraction import FeatureExtractor
    from roformer_edge.runtime.pipelines.fill_mask import FillMask
    from roformer_edge.runtime.pipelines.multiple_choice import MultipleChoice
    from roformer_edge.runtime.pipelines.question_answering import QuestionAnswerer
    from roformer_edge.runtime.pipelines.text_classification import TextClassifier
    from roformer_edge.runtime.pipelines.text_generation import TextGenerator
    from roformer_edge.runtime.pipelines.token_classification import TokenClassifier
    from roformer_edge.tokenizer.base import Tokenizer

    Verify = bool | Literal["changed"]

    class LoadOptions(TypedDict, total=False):
        """The options of :func:`load` that do not change the kind of what it returns."""

        threads: Threads
        delegate: Wish | Sequence[Wish] | None
        verify: Verify
        digest: str | None
        self_test: bool | None
        arena: bool
        spinning: bool
        optimization: Optimization
        weight_cache: bool | str | Path


# of a start that compares what is new to it
CHANGED = "changed"


@overload
def load(
    bundle: str | Path, *, task: Literal["feature-extraction"], **options: Unpack[LoadOptions]
) -> FeatureExtractor: ...
@overload
def load(bundle: str | Path, *, task: Literal["fill-mask"], **options: Unpack[LoadOptions]) -> FillMask: ...
@overload
def load(bundle: str | Path, *, task: Literal["text-generation"], **options: Unpack[LoadOptions]) -> TextGenerator: ...
@overload
def load(
    bundle: str | Path, *, task: Literal["text-classification"], **options: Unpack[LoadOptions]
) -> TextClassifier: ...
@overload
def load(
    bundle: str | Path, *, task: Literal["token-classification"], **options: Unpack[LoadOptions]
) -> TokenClassifier: ...
@overload
def load(
    bundle: str | Path, *, task: Literal["question-answering"], **options: Unpack[LoadOptions]
) -> QuestionAnswerer: ...
@overload
def load(bundle: str | Path, *, task: Literal["multiple-choice"], **options: Unpack[LoadOptions]) -> MultipleChoice: ...
@overload
def load(bundle: str | Path, *, task: None = None, **options: Unpack[LoadOptions]) -> Pipeline: ...


def load(
    bundle: str | Path,
    *,
    task: str | None = None,
    threads: Threads = None,
    delegate: Wish | Sequence[Wish] | None = None,
    verify: Verify = True,
    digest: str | None = None,
    self_test: bool | None = None,
    arena: bool = True,
    spinning: bool = True,
    optimization: Optimization = "all",
    weight_cache: bool | str | Path = False,
) -> Pipeline:
    """Load a bundle, ready to answer.

    What is returned is the class that ``PIPELINES`` names for the bundle's task, such as a ``TextClassifier``.

    Args:
        bundle: A bundle's directory, or its ``.rfe`` archive (whose model is copied in memory while loading).
        task: The task that the bundle must be for. Type checkers and editors know by it what is returned.
        threads: The threads of one operation; by default one a physical core that the process may
            use (affinity and quotas of containers count). ``"auto"`` measures for about a second which number answers
            one text soonest, from 1 to so many; ``backend_report()`` has the times. Copies of the pipeline, pickled or
            forked, keep the number.
        delegate: What is to compute, or several such, most wanted first: names of ``delegates.DELEGATES``, names as the
            engine knows them, or paths of delegate libraries, each alone or in a tuple with a dict of options. By
            default the processor. What was asked for and is not used stands in the ``backend_report`` of what is
            returned.
        verify: Compare every file with its digest before it is used. With ``"changed"`` the model, and packed weights,
            are compared only where they are not what they were when this user last compared them, by device, inode,
            size and times: a start then reads what it needs of them. Not on Windows, where it is as with ``True``, nor
            of an ``.rfe`` archive.
        digest: The digest that the bundle must have, as ``bundle verify`` prints it where the bundle was made.
        self_test: Compare the answers with those recorded in the bundle. ``None`` does where there is a reason: another
            engine than the bundle was made for, an older one, a delegate other than the processor, or integers that
            this processor may add up wrong.
        arena: Keep freed memory for the next run; without it the process shrinks again after a large batch.
        spinning: Let threads wait busily for each other within a run; switch it off where cores are shared.
        optimization: How much the engine may rewrite the graph: ``none``, ``basic``, ``extended`` or ``all``.
        weight_cache: Keep the weights as the engine packs them for the next start, in this folder, or with ``True`` in
            the user's cache folder (:func:`~roformer_edge.runtime.weight_cache.weight_cache_folder`). LiteRT can; it
            prints some lines about itself to standard error then. The folder may be deleted at any time.

    Raises:
        BundleError: The bundle cannot be read, is malformed, or was altered.
        SelfTestError: The engine does not give the recorded answers.
        BackendError: The engine refuses the model, or has nothing of what is asked for.
        UnknownNameError: The bundle is for a task or in a format that this version does not run.
        OptionError: The bundle is for another task than ``task``, or an option is out of range.
    """
    if verify not in (True, False, CHANGED):
        raise OptionError("verify", verify, f"True, False or {CHANGED!r}")
    if weight_cache is not False and not verify:
        raise OptionError("weight_cache", weight_cache, "left out with verify=False: the weights must be the model's")
    check_threads(threads)
    options = SessionOptions(
        threads=1 if isinstance(threads, str) else threads,
        delegates=None if delegate is None else _wishes(delegate),
        arena=arena,
        spinning=spinning,
        optimization=optimization,
    )
    comparisons = None
    if verify == CHANGED:
        from roformer_edge.bundle.comparisons import Comparisons

        comparisons = Comparisons()
    with open_bundle(bundle, verify=bool(verify), digest=digest, comparisons=comparisons) as opened:
        if opened.manifest.task not in PIPELINES:
            raise UnknownNameError("task", opened.manifest.task, PIPELINES)
        if task not in (None, opened.manifest.task):
            raise OptionError("task", task, f"{opened.manifest.task!r}, which {opened.path} is for, or left out")
        row = get_format(opened.manifest.format)
        if weight_cache is not False:
            folder = None if weight_cache is True else weight_cache
            from roformer_edge.runtime.weight_cache import WeightCache

            options = replace(options, weight_cache=WeightCache(folder, opened.entry("model").sha256, comparisons))
        # hashing, the engine's start and the tokenizer's take about as long as each other, and share little
        opened.check_ahead("model")
        words = Background(lambda: _read_words(opened))
        session = Background(lambda: _open_session(opened, row, options))
        try:
            _import_engine(row)
            config = _read_config(opened)
            tokenizer = tokenizer_of_bundle(opened, words)
            check_vocabulary(config, tokenizer.embedding_rows, f"the vocabulary of {opened.path}")
        finally:
            words.join()
            session.join()
        loaded = _make_pipeline(session.result(), tokenizer, config, opened)
        if threads == AUTO:
            threads = _choose_threads(
                opened, loaded, lambda count: _open_session(opened, row, replace(options, threads=count))
            )
        said = suitability_of(opened, loaded.model.session.report)
        opened.check_unchanged()
        doubts = _doubts(opened, row, loaded.model.session.report, said)
        if self_test or (self_test is None and doubts):
            loaded.self_test = _run_self_test(opened, row, loaded, doubts)
        loaded.notes, loaded.remarks = doubts, said.remarks
        loaded.origin = _origin_of(
            opened,
            threads=threads,
            delegate=delegate,
            verify=verify,
            self_test=self_test,
            arena=arena,
            spinning=spinning,
            optimization=optimization,
            weight_cache=weight_cache,
        )
        if options.weight_cache is not None:
            options.weight_cache.keep()
        if comparisons is not None:
            comparisons.keep()
    _loaded.add(loaded)
    if "logging" in sys.modules:
        _log_loaded(loaded)
    return loaded


def _log_loaded(loaded: Pipeline) -> None:
    from roformer_edge.log import log

    report = loaded.backend_report()
    log("runtime", "info", "%r: %s %s computes on %s", loaded, report.engine, report.version, report.used)
    for line in (*report.fallbacks, *report.notes):
        log("runtime", "warning", "%s", line)
    for line in report.remarks:
        log("runtime", "info", "%s", line)


def _origin_of(bundle: Bundle, **options: Any) -> Origin:
    from roformer_edge.runtime.pipelines.base import Origin

    path = bundle.path.absolute()
    return Origin(
        bundle=path, manifest=bundle.manifest, again=partial(load, str(path), digest=bundle.digest, **options)
    )


def _wishes(delegate: Wish | Sequence[Wish]) -> tuple[Wish, ...]:
    alone = isinstance(delegate, str) or (
        isinstance(delegate, tuple) and len(delegate) == 2 and isinstance(delegate[1], Mapping)
    )
    return (delegate,) if alone else tuple(delegate)  # type: ignore[return-value,arg-type]  # told apart just now


def _import_engine(row: Format) -> None:
    """Wait for the import of the engine, which holds the interpreter's lock; opening the model, after it, does not."""
    with frequent_switches():
        resolve(row.engine)


def _open_session(bundle: Bundle, row: Format, options: SessionOptions) -> Session:
    manifest = bundle.manifest
    # imported first: the model is being hashed meanwhile
    doubt = _doubt_about_engine(bundle, row)
    model = bundle.file_path("model") or bundle.read_bytes("model")
    try:
        session: Session = resolve(row.backend)(model, options, manifest.session)
    except BackendError as error:
        if doubt is None:
            raise
        raise BackendError(f"{error}; {doubt}: {_advice(bundle, row)}") from None
    _check_signatures(bundle, session.signatures)
    return session


def _choose_threads(bundle: Bundle, loaded: Pipeline, open_session: Callable[[int], Session]) -> int:
    """Find the number of threads that answers soonest, and let the pipeline compute with it."""
    from roformer_edge.bundle.self_test_vectors import SelfTest
    from roformer_edge.processors import usable_cores
    from roformer_edge.runtime.thread_choice import choose_threads, typical_row

    lengths: list[int] = []
    if bundle.manifest.find("selftest") is not None:
        lengths = [len(case.ids) for case in SelfTest.from_json(bundle.read_bytes("selftest")).cases]
    text = typical_row(lengths, loaded.model)
    loaded.thread_times = choose_threads(loaded.model, text, usable_cores(), open_session)
    return loaded.model.session.report.threads or 1


def _doubt_about_engine(bundle: Bundle, row: Format) -> str | None:
    """Say why the installed engine may not compute the model right, if it is not one that the bundle was made for."""
    package, version = resolve(row.engine)()
    needed = bundle.manifest.minimum_runtime.get(package)
    if needed is None:
        return f"{package} {version} is none of the engines that the bundle was made for"
    if version_tuple(version) < version_tuple(needed):
        return f"{package} {version} is older than {needed}, which the bundle was made for"
    return None


def _doubts(bundle: Bundle, row: Format, report: BackendReport, suitability: Suitability) -> tuple[str, ...]:
    """List the reasons to compare the answers with the recorded ones, a line each."""
    doubt = _doubt_about_engine(bundle, row)
    elsewhere = None if report.on_processor else f"{report.used} computes, and not the processor"
    return tuple(filter(None, (doubt, elsewhere, *suitability.doubts)))


def _advice(bundle: Bundle, row: Format) -> str:
    """Say what to install, or what to deploy for."""
    package, _ = resolve(row.engine)()
    needed = " or ".join(f"{name} {version}" for name, version in sorted(bundle.manifest.minimum_runtime.items()))
    other = next((name for name, minimum in row.runtimes.items() if package in minimum), None)
    suited = bundle.manifest.minimum_runtime.get(package) is None and other is not None
    told = advice(python=f"DeployOptions(runtime={other!r})", command=f"deploy --runtime {other}")
    return f"install {needed} or newer" + (f", or deploy for this engine ({told})" if suited else "")


def _run_self_test(bundle: Bundle, row: Format, loaded: Pipeline, doubts: Sequence[str]) -> float:
    from roformer_edge.bundle.self_test_vectors import SelfTest
    from roformer_edge.runtime.self_test import run_self_test

    try:
        return run_self_test(loaded.model, SelfTest.from_json(bundle.read_bytes("selftest")))
    except (SelfTestError, BackendError) as error:
        loaded.close()
        if not doubts:
            raise
        other = "" if _doubt_about_engine(bundle, row) is None else f": {_advice(bundle, row)}"
        raise SelfTestError(f"{error}; {'; '.join(doubts)}{other}") from None


def _check_signatures(bundle: Bundle, found: Mapping[str, Signature]) -> None:
    listed = bundle.manifest.signatures
    if listed.keys() != found.keys():
        raise BundleFormatError(
            f"the manifest of {bundle.path} lists the signatures {_shown(listed)}, and the model has {_shown(found)}"
        )
    for name, ours in listed.items():
        theirs = found[name]
        if [_called(spec) for spec in ours.inputs] != [_called(spec) for spec in theirs.inputs]:
            _refuse(bundle, name, "inputs", ours.inputs, theirs.inputs)
        if len(ours.outputs) != len(theirs.outputs) or not all(map(_agree, ours.outputs, theirs.outputs)):
            _refuse(bundle, name, "outputs", ours.outputs, theirs.outputs)


def _called(spec: TensorSpec) -> tuple[object, ...]:
    """Take what must be equal of an input: an axis may be called otherwise."""
    return spec.name, spec.dtype, *map(fixed_size, spec.axes)


def _agree(listed: TensorSpec, found: TensorSpec) -> bool:
    """Compare outputs, of which an engine infers some sizes and does not know others."""
    return (listed.name, listed.dtype, len(listed.axes)) == (found.name, found.dtype, len(found.axes)) and all(
        None in (here, there) or here == there
        for here, there in zip(map(fixed_size, listed.axes), map(fixed_size, found.axes), strict=True)
    )


def _refuse(bundle: Bundle, name: str, kind: str, listed: Sequence[TensorSpec], found: Sequence[TensorSpec]) -> None:
    ours, theirs = (
        _shown(f"{spec.name} {spec.dtype}[{', '.join(spec.axes)}]" for spec in specs) for specs in (listed, found)
    )
    raise BundleFormatError(
        f"the manifest of {bundle.path} lists for the signature {name!r:.40} the {kind} {ours}, and the model has "
        f"{theirs}"
    )


def _shown(names: Iterable[str]) -> str:
    """Show names from a file in one line of bounded length."""
    shown = [f"{name!r:.80}" for name in names]
    return ", ".join(shown[:5]) + (f" and {len(shown) - 5} more" if len(shown) > 5 else "")


def _read_config(bundle: Bundle) -> RoFormerConfig:
    where = f"{bundle.entry('config').path} in {bundle.path}"
    try:
        config = RoFormerConfig.from_dict(parse_object(bundle.read_bytes("config"), where, BundleFormatError))
    except (ConfigError, UnsupportedModelError) as error:
        raise BundleFormatError(f"{where}: {error}") from None
    # a config always has labels; only where they are answers do they belong to the bundle
    labels = config.labels if get_task(bundle.manifest.task).labelled else ()
    if bundle.manifest.labels != labels:
        raise BundleFormatError(f"{where} has other labels than the manifest")
    if bundle.manifest.max_length > config.max_position_embeddings:
        raise BundleFormatError(
            f"the manifest of {bundle.path} allows {bundle.manifest.max_length} tokens (max_length), and the model has "
            f"{config.max_position_embeddings} positions"
        )
    return config


def tokenizer_of_bundle(bundle: Bundle, words: Background[memoryview | None] | None = None) -> Tokenizer:
    """Make the tokenizer of a bundle from its own vocabulary and tables, which are read at once.

    Whoever has no other use for the bundle calls ``check_unchanged`` before trusting the tokenizer.

    Args:
        bundle: Opened, with its files as they are listed.
        words: The dictionary of words that :func:`_read_words` gives, where somebody reads it already.

    Raises:
        BundleError: A file that it needs is missing, or not the one that is listed.
        VocabularyError: The vocabulary cannot be used.
    """
    from roformer_edge.tokenizer.loading import from_settings

    unicode, vocabulary = bundle.read_bytes("unicode"), bundle.read_bytes("vocabulary")
    dictionary = _read_words(bundle) if words is None else words.result()
    tokenizer = from_settings(bundle.manifest.tokenizer, vocabulary, words=dictionary, unicode=unicode)
    if tokenizer.uses_words:
        bundle.entry("words")  # those of this package may be others
    # a first text makes it read its tables: if they are damaged, that is found here, and the first answer need not wait
    tokenizer.encode_text("今")
    return tokenizer


def _read_words(bundle: Bundle) -> memoryview | None:
    """Read the dictionary of words: not a mapping of the file, which may be written to while it is in use."""
    return bundle.read_view("words") if bundle.manifest.find("words") else None


def _make_pipeline(session: Session, tokenizer: Tokenizer, config: RoFormerConfig, bundle: Bundle) -> Pipeline:
    from roformer_edge.runtime.inference import DEFAULT_BATCH, Limits

    manifest = bundle.manifest
    limits = Limits(
        max_length=manifest.max_length,
        pad_id=config.pad_token_id or 0,
        batch_size=1 if manifest.batching == "single" else DEFAULT_BATCH,
        alike=manifest.batching == "equal_lengths",
    )
    parts: dict[str, Any] = {}
    for role, (task, address) in PARTS.items():
        if manifest.find(role) is not None:
            if manifest.task != task:
                raise BundleFormatError(f"{bundle.path} is for {manifest.task} and has {ROLES[role]}")
            parts[role] = resolve(address)(bundle)
    pipeline_class: type[Pipeline] = resolve(PIPELINES[manifest.task])
    return pipeline_class(session, tokenizer, config, limits=limits, **parts)


# those of this process, which its children open anew
_loaded: WeakSet[Pipeline] = WeakSet()


def _open_anew() -> None:
    from roformer_edge.runtime.forks import open_anew

    open_anew(list(_loaded))


if hasattr(os, "register_at_fork"):  # there are no forks on Windows
    os.register_at_fork(after_in_child=_open_anew)

# role of a file that a pipeline is made of -> the task that it is for, and address of what reads it
PARTS = {
    "crf": ("token-classification", "roformer_edge.bundle.crf:read_crf"),
    "sentence": ("feature-extraction", "roformer_edge.bundle.sentence:read_sentence"),
}
# task -> address of the class that answers; only the one that a bundle needs is imported
PIPELINES = {
    "feature-extraction": "roformer_edge.runtime.pipelines.feature_extraction:FeatureExtractor",
    "fill-mask": "roformer_edge.runtime.pipelines.fill_mask:FillMask",
    "text-generation": "roformer_edge.runtime.pipelines.text_generation:TextGenerator",
    "text-classification": "roformer_edge.runtime.pipelines.text_classification:TextClassifier",
    "token-classification": "roformer_edge.runtime.pipelines.token_classification:TokenClassifier",
    "question-answering": "roformer_edge.runtime.pipelines.question_answering:QuestionAnswerer",
    "multiple-choice": "roformer_edge.runtime.pipelines.multiple_choice:MultipleChoice",
}
