"""Every error that roformer-edge raises on purpose.

    RoFormerEdgeError
    ├── ConfigError                 a config.json that is malformed or contradicts itself
    ├── CheckpointError             weights that are missing, truncated, mis-shaped or unsafe to open
    ├── UnsupportedModelError       a relative of RoFormer that would load but compute wrong answers
    ├── UnknownNameError            a task, format, recipe, preset ... that is in no table
    ├── OptionError                 a number out of range: threads, batch size, top_k ... (also a ValueError)
    ├── MissingDependencyError      an optional package is not installed (also an ImportError)
    ├── VocabularyError             a vocabulary or tokenizer file that is broken or does not fit the model
    ├── TextError                   a text that cannot be encoded (also a ValueError)
    │   └── TextTooLongError        more tokens than the model has positions, and truncation was not asked for
    ├── DatasetError                a labelled file: ``path:line: reason``
    ├── RecipeError                 a quantisation recipe that is malformed or does not fit the model
    ├── CalibrationError            calibration that saw nothing, or something that is not finite
    ├── ExportError                 a graph that could not be built
    │   └── ParityError             the exported graph disagrees with the reference
    ├── BundleError                 a bundle that may not be replaced, or cannot be opened or trusted
    │   ├── BundleFormatError       the manifest is malformed or of another schema
    │   ├── BundleIntegrityError    a file is missing, altered or points outside the bundle
    │   └── SelfTestError           the engine's answers differ from those recorded in the bundle
    ├── BackendError                the inference engine refused the model, a provider or a delegate
    ├── PoolError                   a worker process of a pool is gone, or the pool is closed
    ├── OutputError                 a file or folder that cannot be written: the disk is full, for one
    ├── ComparisonError             a validation that would mean nothing: other labels, answers that are not finite
    └── BudgetExceededError         the measured accuracy drop is larger than the budget, or a gate is broken

A message says what was asked, what was found, what is allowed and what to do. The command line prints it in one
line and exits with the ``exit_code`` of the class.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_SHOWN = 100
# a name of fewer characters is not taken for the beginning of another
_LEAST_BEGUN = 3


def shown(text: object, limit: int = _SHOWN) -> str:
    """Return text that came from a file as a message can hold it: on one line, escaped, cut after ``limit`` characters.

    Args:
        text: A name, a value or a library's message; anything that a file may have filled with what it likes.
        limit: Most characters of it.
    """
    whole = str(text)
    cut = whole if len(whole) <= limit else whole[:limit] + "..."
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in cut)


_on_command_line = False


@contextmanager
def command_line_words() -> Iterator[None]:
    """Within the block, advice in messages is what to type on the command line, and not what to write in Python."""
    global _on_command_line  # noqa: PLW0603 - a process has one user, who stands in one place at a time
    before, _on_command_line = _on_command_line, True
    try:
        yield
    finally:
        _on_command_line = before


def on_command_line() -> bool:
    """Tell whether advice is what to type on the command line."""
    return _on_command_line


def advice(*, python: str, command: str) -> str:
    """Choose the words for the place where the user stands."""
    return command if _on_command_line else python


def exists_already(path: object) -> str:
    """Say that something is where a bundle is to be written, and what to do."""
    how = advice(python="overwrite=True", command="--overwrite")
    return f"{path} exists already; choose another place, or replace it with {how}"


class RoFormerEdgeError(Exception):
    """Base of all errors raised on purpose; catch it to catch them all."""

    exit_code = 1

    def __reduce__(self) -> Any:
        # by what it says: the classes below are made of other arguments than the message
        return _restored, (type(self), self.args, self.__dict__)


def _restored(kind: type[RoFormerEdgeError], args: tuple[object, ...], state: dict[str, object]) -> RoFormerEdgeError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(state)
    return error


# what it was called before
RoformerEdgeError = RoFormerEdgeError


class ConfigError(RoFormerEdgeError, ValueError):
    """A model configuration is malformed or contradicts itself."""


class CheckpointError(RoFormerEdgeError):
    """A checkpoint's weights are missing, truncated, mis-shaped, or in a file that is unsafe to open."""


class UnsupportedModelError(RoFormerEdgeError):
    """The checkpoint is of a related architecture that this package would compute wrongly."""


class UnknownNameError(RoFormerEdgeError, ValueError):
    """A name was looked up in a table that does not hold it.

    Args:
        kind: What was looked up, such as ``"task"``.
        name: The name that was asked for.
        allowed: The names that the table holds.
    """

    def __init__(self, kind: str, name: object, allowed: Iterable[str]) -> None:
        self.kind = kind
        self.name = name
        self.allowed = tuple(allowed)
        near = nearest(name, self.allowed)
        meant = f" (did you mean {near}?)" if near else ""
        super().__init__(f"unknown {kind} {shown(repr(name))}; choose one of: {', '.join(self.allowed)}{meant}")


def nearest(name: object, names: Iterable[str]) -> str | None:
    """Find the name that was probably meant, or ``None``: all that begin so, else one like it."""
    from difflib import get_close_matches  # which takes a while to import, and errors are rare

    # the dashes of options are alike in all of them
    plain = {known.lstrip("-"): known for known in names}
    asked = str(name)[:200].lstrip("-")
    begun = [known for known in plain if len(asked) >= _LEAST_BEGUN and known.startswith(asked)]
    found = begun or get_close_matches(asked, list(plain), n=1, cutoff=0.7)
    return " or ".join(plain[one] for one in found) or None


class OptionError(RoFormerEdgeError, ValueError):
    """A number that was asked for is out of range.

    Args:
        name: The name of the option, such as ``"batch_size"``.
        value: What was asked for.
        allowed: What may be asked for, as the end of a sentence.
    """

    def __init__(self, name: str, value: object, allowed: str = "a whole number of at least 1") -> None:
        self.name = name
        self.value = value
        self.allowed = allowed
        super().__init__(f"{name} must be {allowed}, found {shown(repr(value), 60)}")


class MissingDependencyError(RoFormerEdgeError, ImportError):
    """An optional package is needed and not installed.

    Args:
        package: The distribution that is missing, such as ``"torch"``.
        extra: The extra of roformer-edge that installs it.
        purpose: What it is needed for, as the end of a sentence.
    """

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        self.package = package
        self.extra = extra
        super().__init__(f"{package} is needed {purpose}; install it with: pip install 'roformer-edge[{extra}]'")


class VocabularyError(RoFormerEdgeError, ValueError):
    """A vocabulary or tokenizer file is broken, or does not fit the model."""


class TextError(RoFormerEdgeError, ValueError):
    """A text cannot be encoded."""


class TextTooLongError(TextError):
    """A text has more tokens than the model has positions, and truncation was not asked for."""


class DatasetError(RoFormerEdgeError, ValueError):
    """A line of a data file cannot be used; the message starts with ``path:line:``."""


class RecipeError(RoFormerEdgeError, ValueError):
    """A quantisation recipe is malformed, or names parts that the model does not have."""


class CalibrationError(RoFormerEdgeError):
    """Calibration saw no data, or values that are not finite."""


class ExportError(RoFormerEdgeError):
    """A graph could not be built from the checkpoint."""


class ParityError(ExportError):
    """The exported graph does not compute what the reference computes.

    Args:
        tensor: The first tensor, in the order of the network, that differs by more than is allowed.
        absolute: The largest absolute difference found in it.
        relative: The same, divided by the largest absolute value of the reference's tensor.
        tolerance: The largest difference allowed, on the smaller of both scales.
        detail: Where it was found.
    """

    def __init__(self, tensor: str, absolute: float, relative: float, tolerance: float, detail: str = "") -> None:
        self.tensor = tensor
        self.absolute = absolute
        self.relative = relative
        self.tolerance = tolerance
        super().__init__(
            f"the exported graph differs from the reference: tensor {tensor!r}, absolute difference {absolute:.3g}, "
            f"relative difference {relative:.3g}, allowed {tolerance:.3g}{'; ' + detail if detail else ''}"
        )


class BundleError(RoFormerEdgeError):
    """A bundle may not be replaced, or cannot be opened or trusted."""


class BundleFormatError(BundleError, ValueError):
    """A bundle's manifest is malformed, or of a schema that this version does not read."""


class BundleIntegrityError(BundleError):
    """A file of a bundle is missing, altered, or points outside the bundle."""


class SelfTestError(BundleError):
    """The inference engine does not reproduce the answers recorded in the bundle."""


class BackendError(RoFormerEdgeError):
    """The inference engine refused the model, a provider or a delegate."""


class PoolError(RoFormerEdgeError):
    """A worker process of a pool ended before it had answered, or the pool is closed."""


class OutputError(RoFormerEdgeError):
    """A file or folder cannot be written: the disk is full, for one; the message names it."""


class ComparisonError(RoFormerEdgeError, ValueError):
    """Reference and candidate cannot be compared: labels, outputs or settings make the report meaningless."""


class BudgetExceededError(RoFormerEdgeError):
    """The measured accuracy drop is larger than the budget, or a gate is broken; the command line exits with 3."""

    exit_code = 3
