"""The steps from a text to tokens in the fast family: what they are, and those that each class has by itself."""

from __future__ import annotations

from roformer_edge.tokenizer.models import MAX_WORD, WordPiece
from roformer_edge.tokenizer.normalizers import BertNormalizer
from roformer_edge.tokenizer.template import Template

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roformer_edge.tokenizer.backend import BackendOptions
    from roformer_edge.tokenizer.models import Model
    from roformer_edge.tokenizer.normalizers import Normalizer
    from roformer_edge.tokenizer.pre_tokenizers import PreTokenizer, Span
    from roformer_edge.tokenizer.segment import Segmenter
    from roformer_edge.tokenizer.token_table import TokenTable


class Steps:
    """The steps from a text to tokens, as ``tokenizer.json`` names them.

    Args:
        normalizer: Changes the text first; None leaves it.
        pre_tokenizer: Cuts it into words; None takes it for one word.
        model: Makes tokens of a word.
        template: Puts special tokens around.
        unknown: The token that stands for words that the model does not know.
        longest: The most characters of a word that can be a token whole; None where there is no such limit.
        joins: Whether decoding joins word pieces; else all tokens are joined with spaces.
        tidies: Whether decoding removes spaces before English punctuation.
    """

    __slots__ = ("joins", "longest", "model", "normalizer", "pre_tokenizer", "template", "tidies", "unknown")

    def __init__(
        self,
        *,
        normalizer: Normalizer | None,
        pre_tokenizer: PreTokenizer | None,
        model: Model,
        template: Template,
        unknown: str,
        longest: int | None = MAX_WORD,
        joins: bool = True,
        tidies: bool = True,
    ) -> None:
        self.normalizer = normalizer
        self.pre_tokenizer = pre_tokenizer
        self.model = model
        self.template = template
        self.unknown = unknown
        self.longest = longest
        self.joins = joins
        self.tidies = tidies


class WordsPreTokenizer:
    """The words of the dictionary cutter; nothing is dropped.

    Args:
        segmenter: The cutter.
    """

    def __init__(self, segmenter: Segmenter) -> None:
        self.words = segmenter.cut

    def spans(self, text: str) -> list[Span]:
        """Find ``(start, end)`` of every word."""
        found, start = [], 0
        for word in self.words(text):
            found.append((start, start + len(word)))
            start += len(word)
        return found


def _roformer_steps(table: TokenTable, options: BackendOptions) -> Steps:
    cutter = WordsPreTokenizer(options.open_segmenter())
    return _standard(table, options, cutter, ideographs=False, ascending=False)


def _bert_steps(table: TokenTable, options: BackendOptions) -> Steps:
    from roformer_edge.tokenizer.pre_tokenizers import BertPreTokenizer

    cutter = BertPreTokenizer(options.unicode)
    return _standard(table, options, cutter, ideographs=options.tokenize_chinese_chars, ascending=True)


def _standard(
    table: TokenTable, options: BackendOptions, cutter: PreTokenizer, *, ideographs: bool, ascending: bool
) -> Steps:
    strip = options.do_lower_case if options.strip_accents is None else options.strip_accents
    cls, sep = str(table.special["cls_token"]), str(table.special["sep_token"])
    return Steps(
        normalizer=BertNormalizer(
            clean=True,
            ideographs=ideographs,
            decompose=strip,
            strip=strip,
            lower=options.do_lower_case,
            unicode=options.unicode,
            ascending=ascending,
        ),
        pre_tokenizer=cutter,
        model=WordPiece(table.vocabulary.index),
        template=Template.of_bert((cls, table.id_of(cls)), (sep, table.id_of(sep))),
        unknown=str(table.special["unk_token"]),
    )


# mode -> the steps that its class has where no tokenizer.json describes others
STANDARD = {"fast": _roformer_steps, "bert": _bert_steps}
