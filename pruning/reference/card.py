"""The model card (README.md) of a reference model."""

from math import exp
from typing import TYPE_CHECKING

from pruning.reference.recipes import CONTEXT_TOKENS, HEADS, LAYERS, WIDTH, Recipe
from pruning.reference.splits import split_documents
from pruning.reference.vocabulary import VOCABULARY

if TYPE_CHECKING:
    from pruning.reference.checkpoint import TrainingRecord

EXAMPLES = 4
BAR_CHARACTERS = 40

_CARD = """\
---
license: apache-2.0
library_name: transformers
pipeline_tag: text-generation
tags: [arborist-reference, artificial-language]
---

# arborist-reference-{name}

A causal language model of {parameters:,} parameters that this project trained itself on an artificial language, so
that pruning can be studied on real weights without a network. It is of no use for any natural language.

- Architecture: `{model_type}`: {special}; {layers} layers, width {width}, {heads} heads, context {context} tokens.
- Weights: float16 safetensors, {weight_bytes:,} bytes. The embedding is tied to the output.
- Tokenizer: {vocabulary} words, separated by spaces; every text starts with `<bos>`, every document ends with `<eos>`.

## How good it is

Measured on the saved float16 weights, computed in float32, on {windows} evaluation windows ({tokens:,} predicted
tokens, text hash `{text_hash}`) that share no document with the training text.

| | loss (nats per token) | perplexity |
|---|---:|---:|
| untrained | {untrained_loss:.4f} | {untrained_perplexity:.2f} |
| this model | {loss:.4f} | {perplexity:.3f} |
| perfect model (floor) | {floor:.4f} | {floor_perplexity:.3f} |

Excess over the floor: {excess:.4f} nats per token, a perplexity of {ratio:.3f} times the floor.

## The language

Version {language_version} of the reference language, a probabilistic grammar with agreement over distance, copying,
counting, nested reports, and stored knowledge (what each person eats, wears or visits, what each noun does, sums).
Each document has exactly one derivation, so the probability of every text is known exactly; the language's entropy is
{entropy:.4f} nats per token. Examples of its text (not of the model's):

```
{examples}
```

## How it was trained

`python -m pruning.reference train {name} --seed {seed} --steps {steps}`: Muon for the matrices and AdamW
(peak rate {learning_rate}) for the rest, {steps} steps, {trained_tokens:,} tokens, {seconds:.0f} seconds on a CPU,
fresh text in every step, no dropout; torch {torch}, transformers {transformers}.

| step | tokens | seconds | loss | floor | excess | |
|---:|---:|---:|---:|---:|---:|:---|
{curve}

Loss and floor are means since the row before, on text not seen before.
`training.json` holds the same numbers unrounded.

## Licence

Apache-2.0, like the project. The text is generated; no third party's data is involved.
"""


def model_card(recipe: Recipe, record: "TrainingRecord") -> str:
    """The card in Markdown; every number comes from the record."""
    return _CARD.format(
        name=recipe.name,
        model_type=recipe.model_type,
        special=recipe.special,
        layers=LAYERS,
        width=WIDTH,
        heads=HEADS,
        context=CONTEXT_TOKENS,
        vocabulary=len(VOCABULARY),
        parameters=record.parameters,
        weight_bytes=record.weight_bytes,
        windows=record.evaluation_windows,
        tokens=record.evaluation_tokens,
        text_hash=record.evaluation_text_hash,
        untrained_loss=record.untrained_loss,
        untrained_perplexity=exp(record.untrained_loss),
        loss=record.evaluation_loss,
        perplexity=record.perplexity,
        floor=record.evaluation_floor,
        floor_perplexity=record.floor_perplexity,
        excess=record.evaluation_loss - record.evaluation_floor,
        ratio=record.ratio,
        language_version=record.language_version,
        entropy=record.language_entropy,
        examples=_examples(),
        seed=record.seed,
        steps=record.steps,
        learning_rate=record.learning_rate,
        trained_tokens=record.trained_tokens,
        seconds=record.seconds,
        torch=record.versions["torch"],
        transformers=record.versions["transformers"],
        curve=_curve_rows(record),
    )


def _examples() -> str:
    stream = split_documents("train")
    return "\n".join(next(stream).text for _ in range(EXAMPLES))


def _curve_rows(record: "TrainingRecord") -> str:
    largest = max(point.loss - point.floor for point in record.curve)
    return "\n".join(
        f"| {point.step} | {point.tokens:,} | {point.seconds:.0f} | {point.loss:.3f} | {point.floor:.3f} "
        f"| {point.loss - point.floor:.3f} | {_bar((point.loss - point.floor) / largest)} |"
        for point in record.curve
    )


def _bar(share: float) -> str:
    return "#" * max(1, round(BAR_CHARACTERS * share))
