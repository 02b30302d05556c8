"""``load``: a bundle in, something that answers out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from roformer_edge.bundle.background import Background
from roformer_edge.bundle.fields import parse_object
from roformer_edge.bundle.manifest import Manifest, version_tuple
from roformer_edge.bundle.reader import Bundle, open_bundle
from roformer_edge.bundle.selftest import SelfTest
from roformer_edge.config import RoFormerConfig
from roformer_edge.errors import (
    BackendError,
    BundleFormatError,
    ConfigError,
    UnknownNameError,
    UnsupportedModelError,
    VocabularyError,
)
from roformer_edge.runtime.session import Session, SessionOptions
from roformer_edge.tasks import TensorSpec, get_task

if TYPE_CHECKING:
    from roformer_edge.runtime.pipeline import Pipeline
    from roformer_edge.tokenizer.base import Tokenizer

T = TypeVar("T")


def load(
    bundle: str | Path,
    *,
    threads: int | None = None,
    providers: str | Sequence[str | tuple[str, Mapping[str, str]]] | None = None,
    verify: bool = True,
    self_test: bool = False,
    arena: bool = True,
    spinning: bool = True,
    optimization: str = "all",
) -> Pipeline:
    """Load a bundle, ready to answer.

    What is returned is the class that ``PIPELINES`` names for the bundle's task, such as a ``TextClassifier``.

    Args:
        bundle: A bundle's directory, or its ``.rfe`` archive (whose model is copied in memory while loading).
        threads: For the inside of one operation; by default one a physical core.
        providers: Where to run, most wanted first, as the engine names them; by default the processor. What was asked
            for and is not used stands in the ``fallbacks`` of what is returned.
        verify: Compare every file with its digest before it is used.
        self_test: Compare the answers with those recorded in the bundle.
        arena: Keep freed memory for the next run; without it the process shrinks again after a large batch.
        spinning: Let threads wait busily for each other within a run; switch it off where cores are shared.
        optimization: How much the engine may rewrite the graph: ``none``, ``basic``, ``extended`` or ``all``.

    Raises:
        BundleError: The bundle cannot be read, is malformed, or was altered.
        SelfTestError: The engine does not give the recorded answers.
        BackendError: The engine refuses the model, is too old for it, or has none of the providers.
        UnknownNameError: The bundle is for a task or in a format that this version does not run.
    """
    options = SessionOptions(
        threads=threads,
        providers=(providers,) if isinstance(providers, str) else None if providers is None else tuple(providers),
        arena=arena,
        spinning=spinning,
        optimization=optimization,
    )
    with open_bundle(bundle, verify=verify) as opened:
        pipeline = _look_up("task", opened.manifest.task, PIPELINES)
        engine = _look_up("bundle format", opened.manifest.format, BACKENDS)
        # hashing, the engine's start and the tokenizer's take about as long as each other, and share little
        opened.check_ahead("words", "model")
        session = Background(lambda: _open_session(opened, engine, options))
        try:
            config = _read_config(opened)
            tokenizer = _open_tokenizer(opened, config)
        finally:
            session.join()
        loaded = _make_pipeline(pipeline, session.result(), tokenizer, config, opened.manifest)
        opened.check_unchanged()
        if self_test:
            from roformer_edge.runtime.self_test import run_self_test

            run_self_test(loaded.model, SelfTest.from_json(opened.read_bytes("selftest")))
    return loaded


def _look_up(kind: str, name: str, table: Mapping[str, T]) -> T:
    if name not in table:
        raise UnknownNameError(kind, name, table)
    return table[name]


def _open_session(bundle: Bundle, engine: Callable[..., Session], options: SessionOptions) -> Session:
    manifest = bundle.manifest
    session = engine(lambda: bundle.file_path("model") or bundle.read_bytes("model"), options, manifest)
    for kind, listed, found in (
        ("inputs", manifest.inputs, session.inputs),
        ("outputs", manifest.outputs, session.outputs),
    ):
        if [(spec.name, spec.dtype) for spec in listed] != [(spec.name, spec.dtype) for spec in found]:
            raise BundleFormatError(
                f"the manifest of {bundle.path} lists the {kind} {_names(listed)}, and the model has {_names(found)}"
            )
    return session


def _names(specs: Sequence[TensorSpec]) -> str:
    return ", ".join(f"{spec.name} ({spec.dtype})" for spec in specs)


def _read_config(bundle: Bundle) -> RoFormerConfig:
    where = f"{bundle.entry('config').path} in {bundle.path}"
    try:
        config = RoFormerConfig.from_dict(parse_object(bundle.read_bytes("config"), where))
    except (ConfigError, UnsupportedModelError) as error:
        raise BundleFormatError(f"{where}: {error}") from None
    # a config always has labels; only where they are answers do they belong to the bundle
    labels = config.labels if get_task(bundle.manifest.task).labelled else ()
    if bundle.manifest.labels != labels:
        raise BundleFormatError(f"{where} has other labels than the manifest")
    return config


def _open_tokenizer(bundle: Bundle, config: RoFormerConfig) -> Tokenizer:
    from roformer_edge.tokenizer.loading import from_settings

    words = bundle.file_path("words") or bundle.read_bytes("words")
    tokenizer = from_settings(bundle.manifest.tokenizer, bundle.read_bytes("vocabulary"), words=words)
    if len(tokenizer) > config.vocab_size:
        raise VocabularyError(
            f"the vocabulary of {bundle.path} has {len(tokenizer)} tokens, and the model has {config.vocab_size}"
        )
    return tokenizer


def _onnxruntime(model: Callable[[], Path | bytes], options: SessionOptions, manifest: Manifest) -> Session:
    # imported first: the model is being hashed meanwhile
    from roformer_edge.runtime.backends.onnxruntime import OnnxRuntimeSession, engine_version

    needed = manifest.minimum_runtime.get("onnxruntime", "0")
    if version_tuple(engine_version()) < version_tuple(needed):
        raise BackendError(f"the model needs onnxruntime {needed}, found {engine_version()}; upgrade onnxruntime")
    return OnnxRuntimeSession(model(), options)


def _make_pipeline(
    place: tuple[str, str], session: Session, tokenizer: Tokenizer, config: RoFormerConfig, manifest: Manifest
) -> Pipeline:
    from importlib import import_module

    from roformer_edge.runtime.inference import Limits

    module, name = place
    limits = Limits(
        max_length=manifest.max_length, length_buckets=manifest.length_buckets, pad_id=config.pad_token_id or 0
    )
    made: Pipeline = getattr(import_module(module), name)(session, tokenizer, config, limits=limits)
    return made


# format of the model file -> (what waits for the model, options, manifest) to a session
BACKENDS = {"onnx": _onnxruntime}
# task -> module and class of what answers; only the one that a bundle needs is imported
PIPELINES = {
    "feature-extraction": ("roformer_edge.runtime.pipelines.feature_extraction", "FeatureExtractor"),
    "fill-mask": ("roformer_edge.runtime.pipelines.fill_mask", "FillMask"),
    "text-generation": ("roformer_edge.runtime.pipelines.text_generation", "TextGenerator"),
    "text-classification": ("roformer_edge.runtime.pipelines.text_classification", "TextClassifier"),
    "token-classification": ("roformer_edge.runtime.pipelines.token_classification", "TokenClassifier"),
    "question-answering": ("roformer_edge.runtime.pipelines.question_answering", "QuestionAnswerer"),
    "multiple-choice": ("roformer_edge.runtime.pipelines.multiple_choice", "MultipleChoice"),
}
