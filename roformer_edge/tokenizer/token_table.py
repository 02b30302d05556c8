"""Which tokens a tokenizer has: the vocabulary, special tokens, added tokens; from tokens to ids and back."""

from __future__ import annotations

from roformer_edge.errors import VocabularyError
from roformer_edge.tokenizer.added_tokens import AddedToken

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import TypeAlias

    from roformer_edge.tokenizer.vocab import Vocabulary

    Token: TypeAlias = str | AddedToken

# in the order in which transformers lists them
SPECIAL_NAMES = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
MORE_SPECIAL = "additional_special_tokens"
EXTRA_SPECIAL = "extra_special_tokens"


class TokenTable:
    """The tokens of a tokenizer.

    Args:
        vocabulary: The tokens of the model.
        special: The special tokens by name; None for one that there is not.
        more: Special tokens without a name.
        extra: Special tokens whose names the tokenizer brings.
        needed: The names of special tokens that cannot be left out.
        known: Contents of added tokens that special tokens may be, besides the vocabulary.

    Attributes:
        vocabulary: The tokens of the model.
        special: The special tokens by name.
        more: Special tokens without a name.
        extra: Special tokens whose names the tokenizer brings.
        added: Added tokens by id; special tokens are among them.
        added_ids: Ids by added token.

    Raises:
        VocabularyError: A special token is neither in the vocabulary nor among the added tokens, or a needed one is
            left out.
    """

    __slots__ = ("added", "added_ids", "extra", "more", "special", "vocabulary")

    def __init__(
        self,
        vocabulary: Vocabulary,
        special: dict[str, Token | None],
        *,
        more: Iterable[Token],
        extra: Mapping[str, Token],
        needed: Iterable[str],
        known: Iterable[str],
    ) -> None:
        self.vocabulary = vocabulary
        self.special = special
        self.more = list(more)
        self.extra = dict(extra)
        self.added: dict[int, AddedToken] = {}
        self.added_ids: dict[str, int] = {}
        for name in needed:
            if special[name] is None:
                raise VocabularyError(f"a tokenizer needs a {name}; it was set to null")
        others = set(known)
        for name, token in special.items():
            if token is not None and str(token) not in vocabulary.index and str(token) not in others:
                raise VocabularyError(
                    f"{name} {str(token)!r:.80} is not among the {len(vocabulary)} tokens of the vocabulary; "
                    f"add it there, or name another with {name}="
                )

    def all_special(self) -> list[Token]:
        """List all special tokens in the order of transformers, each once but for doubles in ``more``."""
        found: list[Token] = []
        seen: set[str] = set()
        groups: list[Sequence[Token | None]] = [[token] for token in self.special.values()]
        groups.append(self.more)
        groups += [[token] for token in self.extra.values()]
        for group in groups:
            new = [token for token in group if token and str(token) not in seen]
            seen.update(map(str, new))
            found += new
        return found

    def all_special_tokens(self) -> list[str]:
        """List the texts of all special tokens, each once."""
        return [str(token) for token in self.all_special()]

    def find(self, token: str) -> int | None:
        """Look up the id of a token, or None."""
        index = self.added_ids.get(token)
        return self.vocabulary.index.get(token) if index is None else index

    def id_of(self, token: str) -> int:
        """Look up the id of a token, or of the unknown token.

        Raises:
            VocabularyError: There is neither.
        """
        index = self.find(token)
        if index is None and self.special["unk_token"] is not None:
            index = self.find(str(self.special["unk_token"]))
        if index is None:
            raise VocabularyError(f"there is no token {token!r:.80}, and no unknown token to stand for it")
        return index

    def register(self, index: int, token: AddedToken, new: bool) -> None:
        """Take in an added token.

        Args:
            index: Its id.
            token: The token.
            new: Whether it is neither in the vocabulary nor among the added tokens yet.

        Raises:
            VocabularyError: Another token has the id; transformers would lose one of them without a word.
        """
        holder = self.added.get(index)
        other = (self.token_of(index) if new else None) if holder is None else holder.content
        if other is not None and other != token.content:
            raise VocabularyError(
                f"the token {token.content!r:.80} would get the id {index}, which {other!r:.80} has: the vocabulary "
                "must hold no token twice, and the ids of added tokens must follow its own without gaps"
            )
        self.added[index] = token
        self.added_ids[token.content] = index

    def token_of(self, index: int) -> str | None:
        """Look up the token that has an id, or None."""
        token = self.added.get(index)
        return self.vocabulary.token(index) if token is None else token.content

    def __len__(self) -> int:
        """Count the different tokens, added ones included."""
        return len(self.vocabulary) + sum(token not in self.vocabulary.index for token in self.added_ids)

    @property
    def rows(self) -> int:
        """The least number of rows of an embedding that has one for every id that a text may have.

        Blank lines at the end of a vocabulary are tokens to transformers, and no text has them.
        """
        tokens = self.vocabulary.tokens
        lines = len(tokens)
        while lines and not tokens[lines - 1]:
            lines -= 1
        return max(lines, 1 + max(self.added, default=-1))
