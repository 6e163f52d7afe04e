import re
import sys
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_processing.naming.grammar import fold
from data_processing.naming.known import known_names
from data_processing.naming.names import ParsedName, parse_name

KNOWN = known_names()


def parsed(name: str) -> ParsedName:
    return parse_name(name, KNOWN)


def test_the_parts_of_a_name() -> None:
    assert parsed("TheBloke/Mistral-7B-Instruct-v0.2-DPO-32k-GPTQ-2405") == ParsedName(
        owner="TheBloke",
        base_name="mistral",
        base_name_simple="mistral",
        version="0.2",
        size="7b",
        variant="instruct",
        recognised=True,
        training="dpo",
        quantisation="gptq",
        context="32k",
        step="2405",
    )


def test_a_name_that_says_nothing() -> None:
    assert parsed("b") == ParsedName(None, "b", "b", None, None, None, recognised=False)


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("Llama-3.1-70B", "70b"),
        ("Mixtral-8x7B-v0.1", "8x7b"),
        ("Qwen3-30B-A3B-Instruct", "30b-a3b"),
        ("qwen3_30b_a3b", "30b-a3b"),
        ("Llama-4-Scout-17B-16E", "17b-16e"),
        ("gemma-3n-E2B-it", "e2b"),
        ("MixTAO-7Bx2-MoE", "7bx2"),
        ("bloomz-7b1", "7b1"),
        ("Qwen2.5-0.5B", "0.5b"),
        ("kimi-1T", "1t"),
        ("opt-125m", "125m"),
        ("Mistral-Small-24B", "24b"),  # a number tells more than a word
        ("bert-base-uncased", "base"),
        ("flan-t5-xxl", "xxl"),
        ("wav2vec2-960h", None),
        ("database", None),
        ("x-4bit", None),
    ],
)
def test_size(name: str, size: str | None) -> None:
    assert parsed(name).size == size


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("Llama-3.1-70B", "3.1"),
        ("Llama-2-7b-hf", "2"),
        ("Meta-Llama-3-8B-v2", "3"),  # the family's own before another
        ("Mistral-7B-v0.1", "0.1"),
        ("Qwen2.5-7B", "2.5"),
        ("Qwen3-0.6B", "3"),
        ("phi-1_5", "1.5"),
        ("whisper-large-v3", "3"),
        ("albert-base-v2", "2"),
        ("frobnicator-2-7b", "2"),
        ("Qwen-1.5B", None),
        ("falcon-7b", None),
        ("t5-small", None),  # its name, no version of it
        ("bert-finetuned-sst-2-english", None),
        ("Mistral-2501", None),
        ("bert-20240101", None),
    ],
)
def test_version(name: str, version: str | None) -> None:
    assert parsed(name).version == version


@pytest.mark.parametrize(
    ("name", "variant"),
    [
        ("Llama-3-8B-Instruct", "instruct"),
        ("Qwen-7B-Chat", "chat"),
        ("gemma-2-2b-it", "it"),
        ("opus-mt-en-it", None),  # Italian
        ("gemma-2-2b-it-chat", "it,chat"),
        ("bert-base-multilingual-cased", "multilingual,cased"),
        ("Qwen3-4B-Base", "base"),
        ("bert-base", None),
        ("chatter", None),
    ],
)
def test_variant(name: str, variant: str | None) -> None:
    assert parsed(name).variant == variant


@pytest.mark.parametrize(
    ("name", "training"),
    [
        ("llama-7b-qlora", "qlora"),
        ("llama-7b-sft-dpo", "sft,dpo"),
        ("NeuralPipe-7B-slerp-merged", "slerp,merge"),
        ("bert-finetuned-ner", "finetuned"),
        ("bert-ft-finetuned", "finetuned"),
        ("DeepSeek-R1-Distill-Llama-8B", "distill"),
        ("distilgpt2", "distill"),
        ("distil-whisper", "distill"),
        ("tiny-random-LlamaForCausalLM", "random"),
        ("random-forest-bert", None),
        ("bert-base", None),
    ],
)
def test_training(name: str, training: str | None) -> None:
    assert parsed(name).training == training


@pytest.mark.parametrize(
    ("name", "quantisation"),
    [
        ("Llama-3-8B-Q4_K_M", "q4_k_m"),
        ("Llama-3-8B-Q4-K-M-GGUF", "q4_k_m,gguf"),
        ("Llama-3-8B.IQ2_XXS", "iq2_xxs"),
        ("Llama-3-8B.q8_0", "q8_0"),
        ("Qwen2-7B-AWQ", "awq"),
        ("Llama-bnb-4bit", "bnb,4bit"),
        ("Llama-8-bit-mlx", "8bit,mlx"),
        ("Llama-6.0bpw-h6-exl2", "6.0bpw,exl2"),
        ("Llama-FP8", "fp8"),
        ("Llama-NVFP4", "nvfp4"),
        ("Llama-quantized.w4a16", "quantized,w4a16"),
        ("bert-q-and-a", None),
        ("seq2seq4", None),
    ],
)
def test_quantisation(name: str, quantisation: str | None) -> None:
    assert parsed(name).quantisation == quantisation


@pytest.mark.parametrize(
    ("name", "context"),
    [
        ("Llama-3-8B-32k", "32k"),
        ("Llama-3-8B-Gradient-1048k", "1048k"),
        ("Qwen2.5-7B-Instruct-1M", "1m"),
        ("opt-1m", None),
        ("wizard_vicuna_70k", None),  # training examples
        ("multiberts-step-32k", None),
        ("llama-ctx8192", "ctx8192"),
    ],
)
def test_context(name: str, context: str | None) -> None:
    assert parsed(name).context == context


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("qwen-20240101", "20240101"),
        ("qwen-2024-05-13", "2024-05-13"),
        ("qwen_2024_05_13", "2024_05_13"),
        ("qwen-240513", "240513"),
        ("Mistral-Small-24B-Base-2501", "2501"),
        ("DeepSeek-R1-0528", "0528"),
        ("twitter-roberta-base-dec2021", "dec2021"),
        ("bge-2023", "2023"),
        ("llama-step1000", "step1000"),
        ("multiberts-seed_0-step_1000k", "step_1000k"),
        ("bert-1000-steps", "1000-steps"),
        ("bert-checkpoint-500", "checkpoint-500"),
        ("bert-ckpt500-epoch3", "ckpt500,epoch3"),
        ("bert-3-epochs", "3-epochs"),
        ("bert-20241301", None),  # no thirteenth month
        ("bert-241332", None),
        ("swin-2560", None),
        ("vit-base-patch16-1024", None),
        ("Llama-3.1-70B", None),
        ("Qwen3-30B-A3B", None),
        ("longformer-4096", None),
        ("x-20240101b", None),
    ],
)
def test_step(name: str, step: str | None) -> None:
    assert parsed(name).step == step


@given(day=st.dates(date(2015, 1, 1), date(2035, 12, 31)), join=st.sampled_from(["", "-", "_", "."]))
def test_every_day_is_read_whole_and_as_nothing_else(day: date, join: str) -> None:
    written = day.strftime(f"%Y{join}%m{join}%d")
    found = parsed(f"a/bert-{written}-x")
    assert (found.step, found.size, found.version, found.context, found.quantisation) == (
        written,
        None,
        None,
        None,
        None,
    )


@given(
    size=st.integers(1, 999),
    unit=st.sampled_from("bBmM"),
    version=st.integers(1, 3),
    method=st.sampled_from(["lora", "dpo", "merge"]),
    kind=st.sampled_from(["gptq", "awq", "gguf"]),
)
def test_what_was_put_in_comes_out(size: int, unit: str, version: int, method: str, kind: str) -> None:
    found = parsed(f"o/Llama-{version}-{size}{unit}-Chat-{method}-{kind}-16k-step{size}")
    assert found.base_name == "llama"
    assert (found.version, found.size, found.variant) == (str(version), f"{size}{unit.lower()}", "chat")
    assert (found.training, found.quantisation, found.context, found.step) == (method, kind, "16k", f"step{size}")


@given(text=st.text(st.sampled_from("abiklmqstxz0123456789-_.vVBM"), max_size=40))
def test_parts_are_words_of_the_name_each_once(text: str) -> None:
    found = parsed(text)
    for part in (found.size, found.context, found.step):
        values = part.split(",") if part else []
        assert len(set(values)) == len(values)
        for value in values:
            pattern = "[-_]".join(map(re.escape, re.split("[-_]", value)))
            assert re.search(rf"(?<![a-z0-9]){pattern}(?![a-z0-9])", text.lower())


def test_folding_knows_no_case_in_any_script() -> None:
    letters = (chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code < 0xE000)
    assert [one for one in letters if not fold(one) == fold(one.upper()) == fold(one.lower())] == []
