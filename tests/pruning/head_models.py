"""Models and requests for the tests of head pruning."""

from typing import Any

import torch

from pruning import inspect
from pruning.inputs import example_inputs, main_output
from pruning.methods import PruningRequest
from tests.pruning.architectures import GROUPED, TOKENS

WINDOWS = ((3, 4, 5, 6, 7, 8), (9, 8, 7, 6), (11, 12, 13, 14, 15))


WIDE_GROUPS = {**GROUPED, "num_attention_heads": 8}


def build(model_type: str, config: dict[str, Any]) -> Any:
    from transformers import AutoConfig, AutoModelForCausalLM

    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(model_type, **TOKENS, **config)).eval()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.15 * torch.randn(parameter.shape, generator=generator))
    return model


def request_of(model: Any, ratio: float = 0.25, windows: Any = WINDOWS) -> PruningRequest:
    return PruningRequest(model, inspect(model), ratio, windows, 0)


def answer(model: Any) -> torch.Tensor:
    with torch.inference_mode():
        return main_output(model(**example_inputs(model)))
