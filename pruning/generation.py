"""Generating text, for samples that people can read."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pruning.devices import device_of

if TYPE_CHECKING:
    from transformers import PreTrainedModel

NEW_TOKENS = 20


def greedy_continuation(model: "PreTrainedModel", token_ids: Sequence[int], *, use_cache: bool = True) -> list[int]:
    """Return the `NEW_TOKENS` most likely tokens after `token_ids`, fewer when the model ends its text."""
    import torch
    from transformers import GenerationConfig

    config = GenerationConfig(
        max_new_tokens=NEW_TOKENS,
        do_sample=False,
        use_cache=use_cache,
        eos_token_id=model.generation_config.eos_token_id,
        bos_token_id=model.generation_config.bos_token_id,
        pad_token_id=0,
    )
    prompt = torch.tensor([token_ids], device=device_of(model))
    with torch.inference_mode():
        output: torch.Tensor = model.generate(  # pyright: ignore[reportCallIssue]  # its stub says Tensor
            prompt, attention_mask=torch.ones_like(prompt), generation_config=config
        )
    return output[0, len(token_ids) :].tolist()


def sample_texts(model: "PreTrainedModel", folder: Path, prompts: Sequence[str]) -> list[tuple[str, str]]:
    """Return (prompt, greedy continuation) with the tokenizer in a checkpoint folder."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    return [
        (prompt, tokenizer.decode(greedy_continuation(model, tokenizer(prompt)["input_ids"]), skip_special_tokens=True))
        for prompt in prompts
    ]
