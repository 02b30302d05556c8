"""``tokenize``: the same tokens from a checkpoint and from its bundle."""

from __future__ import annotations

import json
import shutil

from tests.cli.conftest import rows
from tests.tiny_checkpoint import write_lines


def test_tokenize_gives_the_same_for_checkpoint_and_bundle(cli, checkpoint, bundle):
    row = rows(cli("tokenize", checkpoint, "天气很好。"))[0]
    assert row["tokens"] == ["[CLS]", "天气", "很", "好", "。", "[SEP]"]
    assert ["天气很好。"[start:end] for start, end in row["offsets"][1:-1]] == row["tokens"][1:-1]
    assert rows(cli("tokenize", bundle, "天气很好。"))[0] == row


def test_tokenize_uses_the_files_that_a_bundle_has(cli, checkpoint, tmp_path):
    source = shutil.copytree(checkpoint, tmp_path / "source")
    (source / "tokenizer_config.json").write_text('{"tokenizer_class": "BertTokenizer"}')
    for place in (source, tmp_path / "bundle", tmp_path / "bundle.rfe"):
        if place.name == "bundle":
            assert cli("export", source, "--out", place).code == 0
        elif place.suffix:
            assert cli("bundle", "pack", tmp_path / "bundle", place).code == 0
        assert rows(cli("tokenize", place, "天气好"))[0]["tokens"] == ["[CLS]", "[UNK]", "[UNK]", "好", "[SEP]"]


def test_a_bundle_knows_its_own_tokenizer(cli, bundle):
    assert "--tokenizer must be left out for a bundle" in cli("tokenize", bundle, "今天", "--tokenizer", "slow").error


def test_tokenize_reads_a_directory_of_sentence_transformers_as_deploy_does(cli, checkpoint, tmp_path):
    source = tmp_path / "source"
    shutil.copytree(checkpoint, source / "0_Transformer")
    (source / "1_Pooling").mkdir()
    (source / "1_Pooling" / "config.json").write_text(
        '{"word_embedding_dimension": 32, "pooling_mode_cls_token": true}'
    )
    kinds = ("Transformer", "Pooling")
    modules = [
        {"idx": at, "name": str(at), "path": f"{at}_{kind}", "type": f"sentence_transformers.models.{kind}"}
        for at, kind in enumerate(kinds)
    ]
    (source / "modules.json").write_text(json.dumps(modules))
    (source / "0_Transformer" / "sentence_bert_config.json").write_text('{"do_lower_case": true}')
    (source / "0_Transformer" / "tokenizer_config.json").write_text('{"do_lower_case": false}')
    assert cli("export", source, "--out", tmp_path / "bundle").code == 0
    row = rows(cli("tokenize", source, "AB 的灯"))[0]
    assert row["tokens"][1:3] == ["a", "##b"], "texts are lower-cased there"
    assert row == rows(cli("tokenize", tmp_path / "bundle", "AB 的灯"))[0]


def test_tokenize_says_what_of_the_files_has_no_effect(cli, checkpoint, tmp_path):
    source = shutil.copytree(checkpoint, tmp_path / "source")
    (source / "tokenizer_config.json").write_text('{"colour": "red"}')
    outcome = cli("tokenize", source, "今天")
    assert outcome.code == 0
    assert outcome.err == "note: tokenizer_config.json: keys that are not known here have no effect: 'colour'\n"


def test_tokenize_shows_pairs(cli, checkpoint, tmp_path):
    path = write_lines(tmp_path / "in.jsonl", [{"sentence1": "今天", "sentence2": "很好"}, {"text": "今天"}])
    pair, single = rows(cli("tokenize", checkpoint, "--input", path))
    assert pair["tokens"] == ["[CLS]", "今天", "[SEP]", "很", "好", "[SEP]"]
    assert (pair["text"], pair["text_pair"], pair["type_ids"]) == ("今天", "很好", [0, 0, 0, 1, 1, 1])
    assert (single["text"], single["type_ids"]) == ("今天", [0, 0, 0])
    path = write_lines(path, [{"text": "今天", "question": "谁"}])
    assert "'question' looks like an input" in cli("tokenize", checkpoint, "--input", path).error
