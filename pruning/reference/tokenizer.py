"""The reference language's tokenizer as files that `AutoTokenizer.from_pretrained` loads without a network."""

from pathlib import Path
from typing import TYPE_CHECKING

from pruning.reference.vocabulary import BOS, BOS_ID, EOS, PAD, TOKEN_IDS, UNK

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


def build_tokenizer(context: int) -> "PreTrainedTokenizerFast":
    """A word-level tokenizer: words are separated by whitespace, BOS is put in front, EOS is left to the caller.

    `context` is the model's longest input in tokens; longer texts are reported by the tokenizer.
    """
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.WordLevel(vocab=dict(TOKEN_IDS), unk_token=UNK))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{BOS} $A", pair=f"{BOS} $A $B", special_tokens=[(BOS, BOS_ID)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=BOS,
        eos_token=EOS,
        pad_token=PAD,
        unk_token=UNK,
        model_max_length=context,
        clean_up_tokenization_spaces=False,
    )


def write_tokenizer(folder: Path, context: int) -> None:
    """Write tokenizer.json and tokenizer_config.json into an existing folder."""
    build_tokenizer(context).save_pretrained(str(folder))
