"""The tokenizer's files: loaded without a network, and back and forth without loss."""

from pathlib import Path

import pytest
from transformers import AutoTokenizer

from pruning.reference import REFERENCE_MODELS, model_folder, windows
from pruning.reference.tokenizer import write_tokenizer
from pruning.reference.vocabulary import BOS_ID, EOS_ID, PAD_ID, TOKEN_IDS, UNK_ID, VOCABULARY


def test_round_trip(tmp_path: Path) -> None:
    write_tokenizer(tmp_path, 128)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path, local_files_only=True, trust_remote_code=False)
    for window in windows("evaluation", 20).token_ids:
        text = tokenizer.decode(window)
        assert text == " ".join(VOCABULARY[token] for token in window)
        assert tokenizer(text, add_special_tokens=False).input_ids == list(window)
        assert tokenizer(tokenizer.decode(window[1:])).input_ids == list(window)


def test_special_tokens(tmp_path: Path) -> None:
    write_tokenizer(tmp_path, 128)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path, local_files_only=True)
    assert tokenizer("anna eats nonsense").input_ids == [BOS_ID, TOKEN_IDS["anna"], TOKEN_IDS["eats"], UNK_ID]
    ids = (tokenizer.pad_token_id, tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.unk_token_id)
    assert ids == (PAD_ID, BOS_ID, EOS_ID, UNK_ID)
    assert tokenizer.decode([BOS_ID, TOKEN_IDS["anna"], EOS_ID], skip_special_tokens=True) == "anna"
    padded = tokenizer(["anna", "anna eats"], padding=True)
    assert padded.input_ids[0][-1] == PAD_ID
    assert len(tokenizer) == len(VOCABULARY)


@pytest.mark.parametrize("name", REFERENCE_MODELS)
def test_every_model_carries_it(name: str) -> None:
    tokenizer = AutoTokenizer.from_pretrained(model_folder(name), local_files_only=True, trust_remote_code=False)
    assert tokenizer("anna eats figs .").input_ids == [
        BOS_ID,
        *(TOKEN_IDS[word] for word in ["anna", "eats", "figs", "."]),
    ]
    assert tokenizer.get_vocab() == TOKEN_IDS
