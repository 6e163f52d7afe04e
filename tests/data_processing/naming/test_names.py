import csv
import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_processing.naming.names import known_names, parse_name, simple_base_name, type_base_name

HUB_IDS = Path(__file__).resolve().parents[3] / "shared/data/hub_metadata/hub_ids_union.csv.gz"

BASE_NAMES = {
    "bert-base-uncased": "bert",
    "google-bert/bert-large-cased": "bert",
    "FacebookAI/roberta-base": "roberta",
    "FacebookAI/xlm-roberta-large": "xlm-roberta",
    "distilbert/distilbert-base-uncased-finetuned-sst-2-english": "distilbert",
    "distilbert/distilroberta-base": "roberta",
    "distilbert/distilgpt2": "gpt2",
    "distil-whisper/distil-large-v3": "whisper",
    "distil-whisper/distil-whisper-small.en": "whisper",
    "openai-community/gpt2": "gpt2",
    "openai-community/gpt2-xl": "gpt2",
    "microsoft/DialoGPT-medium": "gpt2",
    "huggingtweets/dril": "gpt2",
    "EleutherAI/gpt-neo-1.3B": "gpt-neo",
    "EleutherAI/gpt-neox-20b": "gpt-neox",
    "EleutherAI/gpt-j-6b": "gptj",
    "EleutherAI/pythia-160m-deduped": "gpt-neox",
    "facebook/opt-125m": "opt",
    "bigscience/bloom-560m": "bloom",
    "bigscience/bloomz-7b1": "bloom",
    "meta-llama/Llama-2-7b-hf": "llama",
    "meta-llama/Meta-Llama-3-8B-Instruct": "llama",
    "meta-llama/Llama-3.1-70B": "llama",
    "TinyLlama/TinyLlama-1.1B-Chat-v1.0": "llama",
    "codellama/CodeLlama-7b-hf": "llama",
    "lmsys/vicuna-7b-v1.5": "llama",
    "LMSYS/VICUNA-7B-V1.5": "llama",
    "01-ai/Yi-6B": "llama",
    "HuggingFaceTB/SmolLM2-135M": "llama",
    "HuggingFaceTB/SmolLM3-3B": "smollm3",
    "mistralai/Mistral-7B-v0.1": "mistral",
    "mistralai/Mixtral-8x7B-Instruct-v0.1": "mixtral",
    "HuggingFaceH4/zephyr-7b-beta": "mistral",
    "teknium/OpenHermes-2.5-Mistral-7B": "mistral",
    "Qwen/Qwen1.5-0.5B": "qwen2",
    "Qwen/Qwen2.5-7B-Instruct-AWQ": "qwen2",
    "Qwen/Qwen2-0.5B": "qwen2",
    "Qwen/Qwen3-0.6B": "qwen3",
    "deepseek-ai/DeepSeek-R1-Distill-Qwen2-7B": "qwen2",
    "deepseek-ai/DeepSeek-R1-Distill-Llama-8B": "llama",
    "google/gemma-2-2b-it": "gemma2",
    "google/gemma-7b": "gemma",
    "microsoft/phi-2": "phi",
    "microsoft/Phi-3-mini-4k-instruct": "phi3",
    "google-t5/t5-small": "t5",
    "google/flan-t5-base": "t5",
    "google/mt5-small": "mt5",
    "facebook/bart-large-cnn": "bart",
    "facebook/mbart-large-50": "mbart",
    "Helsinki-NLP/opus-mt-en-de": "marian",
    "someone/opus-mt-en-ro-finetuned": "marian",
    "facebook/wav2vec2-base-960h": "wav2vec2",
    "jonatasgrosman/exp_w2v2t_it_wavlm_s662": "wavlm",
    "openai/whisper-tiny": "whisper",
    "openai/clip-vit-base-patch32": "clip",
    "google/vit-base-patch16-224": "vit",
    "google/electra-small-discriminator": "electra",
    "albert/albert-base-v2": "albert",
    "microsoft/deberta-v3-base": "deberta-v2",
    "dmis-lab/biobert-v1.1": "bert",
    "allenai/scibert_scivocab_uncased": "bert",
    "vinai/bertweet-base": "roberta",
    "google/multiberts-seed_0": "bert",
    "hf-internal-testing/tiny-random-LlamaForCausalLM": "llama",
    "hf-internal-testing/tiny-random-bert": "bert",
    "tiiuae/falcon-7b": "falcon",
    "state-spaces/mamba-130m-hf": "mamba",
    "someone/my_awesome_model": "my_awesome_model",
    "someone/frobnicator-7b": "frobnicator",
    "llama": "llama",
}


@pytest.mark.parametrize(("model_id", "base_name"), BASE_NAMES.items())
def test_base_names_of_real_looking_ids(model_id: str, base_name: str) -> None:
    assert parse_name(model_id, known_names()).base_name == base_name


def test_the_parts_of_a_name() -> None:
    parsed = parse_name("TheBloke/Mistral-7B-Instruct-v0.2-GPTQ", known_names())
    assert (parsed.owner, parsed.version, parsed.size, parsed.variant) == ("TheBloke", "0.2", "7b", "instruct,gptq")


@pytest.mark.parametrize(
    ("model_id", "size", "version", "variant"),
    [
        ("meta-llama/Llama-3.1-70B", "70b", "3.1", None),
        ("mistralai/Mixtral-8x7B-v0.1", "8x7b", "0.1", None),
        ("Qwen/Qwen3-30B-A3B", "30b-a3b", "3", None),
        ("a/Llama-3-8B-Q4_K_M-32k", "8b", "3", "q4_k_m,32k"),
        ("bert-base-uncased", "base", None, "uncased"),
        ("a/b", None, None, None),
    ],
)
def test_size_version_variant(model_id: str, size: str | None, version: str | None, variant: str | None) -> None:
    parsed = parse_name(model_id, known_names())
    assert (parsed.size, parsed.version, parsed.variant) == (size, version, variant)


@pytest.mark.parametrize(
    ("model_id", "expected"),
    [("a/BERT-base", "bert"), ("a/my_model", "my"), ("gpt2", "gpt2"), ("a/b_c-d_e", "b_c"), ("a/", "")],
)
def test_the_earlier_rule(model_id: str, expected: str) -> None:
    assert simple_base_name(model_id) == expected


def test_types_become_base_names() -> None:
    assert type_base_name("xlm_roberta") == "xlm-roberta"
    assert type_base_name("") == "unnamed"


@given(text=st.text(max_size=60))
def test_any_text_has_a_base_name_and_case_does_not_matter(text: str) -> None:
    parsed = parse_name(text, known_names())
    assert parsed.base_name
    if text.isascii():
        assert parse_name(text.upper(), known_names()).base_name == parsed.base_name


@pytest.mark.skipif(not HUB_IDS.exists(), reason="needs ../shared/data")
def test_names_alone_agree_with_real_model_types() -> None:
    """Measured 0.70; the first token alone scores 0.27."""
    from sklearn.metrics import adjusted_rand_score

    with gzip.open(HUB_IDS, "rt", encoding="utf-8") as lines:
        rows = [(row["id"], row["model_type"]) for row in csv.DictReader(lines) if row["model_type"]]
    known = known_names()
    names = [parse_name(model_id, known).base_name for model_id, _ in rows]
    assert adjusted_rand_score([model_type for _, model_type in rows], names) > 0.6
