"""What type checkers and editors read in place of ``__init__.py``, which holds these names in a table."""

from roformer_edge import errors as errors
from roformer_edge._version import __version__ as __version__
from roformer_edge.bundle.manifest import Manifest
from roformer_edge.bundle.reader import Bundle, open_bundle
from roformer_edge.config import RoFormerConfig
from roformer_edge.deploy.journey import deploy_checkpoint
from roformer_edge.deploy.options import Deployment, DeployOptions
from roformer_edge.errors import (
    BackendError,
    BudgetExceededError,
    BundleError,
    BundleFormatError,
    BundleIntegrityError,
    CalibrationError,
    CheckpointError,
    ComparisonError,
    ConfigError,
    DatasetError,
    ExportError,
    MissingDependencyError,
    OptionError,
    OutputError,
    ParityError,
    PoolError,
    RecipeError,
    RoFormerEdgeError,
    RoformerEdgeError,
    SelfTestError,
    TextError,
    TextTooLongError,
    UnknownNameError,
    UnsupportedModelError,
    VocabularyError,
)
from roformer_edge.models.flax.heads import (
    FlaxRoFormerForMaskedLM,
    FlaxRoFormerForMultipleChoice,
    FlaxRoFormerForQuestionAnswering,
    FlaxRoFormerForSequenceClassification,
    FlaxRoFormerForTokenClassification,
    FlaxRoFormerModel,
)
from roformer_edge.models.keras.heads import (
    TFRoFormerForCausalLM,
    TFRoFormerForMaskedLM,
    TFRoFormerForMultipleChoice,
    TFRoFormerForQuestionAnswering,
    TFRoFormerForSequenceClassification,
    TFRoFormerForTokenClassification,
    TFRoFormerModel,
)
from roformer_edge.models.torch.heads import (
    RoFormerForCausalLM,
    RoFormerForMaskedLM,
    RoFormerForMultipleChoice,
    RoFormerForQuestionAnswering,
    RoFormerForSequenceClassification,
    RoFormerForTokenClassification,
    RoFormerModel,
)
from roformer_edge.runtime.bench import BenchOptions, BenchReport, bench_bundle
from roformer_edge.runtime.loading import load
from roformer_edge.runtime.pipelines.base import Pipeline
from roformer_edge.runtime.pipelines.feature_extraction import FeatureExtractor
from roformer_edge.runtime.pipelines.fill_mask import Filled, FillMask
from roformer_edge.runtime.pipelines.multiple_choice import Choice, MultipleChoice
from roformer_edge.runtime.pipelines.question_answering import Answer, QuestionAnswerer
from roformer_edge.runtime.pipelines.text_classification import Classification, TextClassifier
from roformer_edge.runtime.pipelines.text_generation import Generated, TextGenerator
from roformer_edge.runtime.pipelines.token_classification import Entity, TokenClassifier
from roformer_edge.runtime.pool import Pool
from roformer_edge.runtime.session import BackendReport
from roformer_edge.tokenizer import RoFormerTokenizer, RoFormerTokenizerFast
from roformer_edge.validate.report import Report
from roformer_edge.vectors import Hit, search, similarity

__all__ = [
    "Answer",
    "BackendError",
    "BackendReport",
    "BenchOptions",
    "BenchReport",
    "BudgetExceededError",
    "Bundle",
    "BundleError",
    "BundleFormatError",
    "BundleIntegrityError",
    "CalibrationError",
    "CheckpointError",
    "Choice",
    "Classification",
    "ComparisonError",
    "ConfigError",
    "DatasetError",
    "DeployOptions",
    "Deployment",
    "Entity",
    "ExportError",
    "FeatureExtractor",
    "FillMask",
    "Filled",
    "FlaxRoFormerForMaskedLM",
    "FlaxRoFormerForMultipleChoice",
    "FlaxRoFormerForQuestionAnswering",
    "FlaxRoFormerForSequenceClassification",
    "FlaxRoFormerForTokenClassification",
    "FlaxRoFormerModel",
    "Generated",
    "Hit",
    "Manifest",
    "MissingDependencyError",
    "MultipleChoice",
    "OptionError",
    "OutputError",
    "ParityError",
    "Pipeline",
    "Pool",
    "PoolError",
    "QuestionAnswerer",
    "RecipeError",
    "Report",
    "RoFormerConfig",
    "RoFormerEdgeError",
    "RoFormerForCausalLM",
    "RoFormerForMaskedLM",
    "RoFormerForMultipleChoice",
    "RoFormerForQuestionAnswering",
    "RoFormerForSequenceClassification",
    "RoFormerForTokenClassification",
    "RoFormerModel",
    "RoFormerTokenizer",
    "RoFormerTokenizerFast",
    "RoformerEdgeError",
    "SelfTestError",
    "TFRoFormerForCausalLM",
    "TFRoFormerForMaskedLM",
    "TFRoFormerForMultipleChoice",
    "TFRoFormerForQuestionAnswering",
    "TFRoFormerForSequenceClassification",
    "TFRoFormerForTokenClassification",
    "TFRoFormerModel",
    "TextClassifier",
    "TextError",
    "TextGenerator",
    "TextTooLongError",
    "TokenClassifier",
    "UnknownNameError",
    "UnsupportedModelError",
    "VocabularyError",
    "__version__",
    "bench_bundle",
    "deploy_checkpoint",
    "load",
    "open_bundle",
    "search",
    "similarity",
]
