"""From tokens back to text, as each family does it."""

from __future__ import annotations

from roformer_edge.tokenizer import Tokenizer


def test_decode(tokenizer: Tokenizer):
    ids = tokenizer("hello, I quantize!")["input_ids"]
    tidied = "hello, i [UNK]!" if "[UNK]" in tokenizer.convert_ids_to_tokens(ids) else "hello, i quantize!"
    spaced = tidied.replace(",", " ,").replace("!", " !")
    assert (
        tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=True) == f"[CLS] {tidied} [SEP]"
    )
    # the crate's decoder tidies always
    plain = tidied if tokenizer.is_fast else spaced
    assert tokenizer.decode(ids) == f"[CLS] {plain} [SEP]"
    assert tokenizer.batch_decode([ids, [3]]) == [f"[CLS] {plain} [SEP]", "[CLS]"]
    assert tokenizer.decode(3) == "[CLS]"
    assert tokenizer.decode([]) == ""


def test_decode_keeps_added_tokens_apart(tokenizer: Tokenizer):
    tokenizer.add_tokens(["##x"])
    ids = tokenizer.convert_tokens_to_ids(["a", "##b", "##x", "c"])
    assert tokenizer.decode(ids) == ("abx c" if tokenizer.is_fast else "ab ##x c")
