"""Which transformers class stands for a model type.

A type is often known to several auto classes. The first one of `AUTO_CLASSES` that knows it wins, in this order and for
these reasons: models that join two kinds of input before their text half; encoder-decoders before the decoder alone;
masked before causal, because every BERT-like encoder can also be told to decode; then the heads of images, audio and
video; base models without a head last. So all decoders are compared as ForCausalLM and all encoders as ForMaskedLM.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any


@dataclass(frozen=True)
class AutoClass:
    """One auto class: its table in transformers' `modeling_auto` and the Hub's name of its task."""

    table: str
    task: str | None  # None = a base model: the class says nothing about the task


def _head(name: str, task: str) -> AutoClass:
    return AutoClass(f"MODEL_FOR_{name}_MAPPING_NAMES", task)


AUTO_CLASSES = (
    _head("SPEECH_SEQ_2_SEQ", "automatic-speech-recognition"),
    _head("IMAGE_TEXT_TO_TEXT", "image-text-to-text"),
    _head("SEQ_TO_SEQ_CAUSAL_LM", "text2text-generation"),
    _head("MASKED_LM", "fill-mask"),
    _head("TEXT_TO_WAVEFORM", "text-to-audio"),
    _head("TEXT_TO_SPECTROGRAM", "text-to-audio"),
    _head("CAUSAL_LM", "text-generation"),
    _head("MULTIMODAL_LM", "any-to-any"),
    _head("CTC", "automatic-speech-recognition"),
    _head("RNNT", "automatic-speech-recognition"),
    _head("TDT", "automatic-speech-recognition"),
    _head("ZERO_SHOT_OBJECT_DETECTION", "zero-shot-object-detection"),
    _head("ZERO_SHOT_IMAGE_CLASSIFICATION", "zero-shot-image-classification"),
    _head("OBJECT_DETECTION", "object-detection"),
    _head("UNIVERSAL_SEGMENTATION", "image-segmentation"),
    _head("INSTANCE_SEGMENTATION", "image-segmentation"),
    _head("IMAGE_SEGMENTATION", "image-segmentation"),
    _head("IMAGE_CLASSIFICATION", "image-classification"),
    _head("SEMANTIC_SEGMENTATION", "image-segmentation"),
    _head("DEPTH_ESTIMATION", "depth-estimation"),
    _head("MASK_GENERATION", "mask-generation"),
    _head("KEYPOINT_MATCHING", "keypoint-matching"),
    _head("KEYPOINT_DETECTION", "keypoint-detection"),
    _head("POSE_ESTIMATION", "keypoint-detection"),
    _head("NORMAL_ESTIMATION", "image-to-image"),
    _head("POINTMAP_ESTIMATION", "image-to-image"),
    _head("IMAGE_MATTING", "image-segmentation"),
    _head("IMAGE_TO_IMAGE", "image-to-image"),
    _head("CAUSAL_IMAGE_MODELING", "unconditional-image-generation"),
    _head("MASKED_IMAGE_MODELING", "image-feature-extraction"),
    _head("VIDEO_CLASSIFICATION", "video-classification"),
    _head("AUDIO_CLASSIFICATION", "audio-classification"),
    _head("AUDIO_FRAME_CLASSIFICATION", "audio-classification"),
    _head("AUDIO_XVECTOR", "audio-classification"),
    AutoClass("MODEL_FOR_AUDIO_TOKENIZATION_NAMES", "feature-extraction"),
    _head("TEXT_RECOGNITION", "image-to-text"),
    _head("TABLE_RECOGNITION", "image-to-text"),
    _head("DOCUMENT_QUESTION_ANSWERING", "document-question-answering"),
    _head("VISUAL_QUESTION_ANSWERING", "visual-question-answering"),
    _head("TABLE_QUESTION_ANSWERING", "table-question-answering"),
    _head("QUESTION_ANSWERING", "question-answering"),
    _head("SEQUENCE_CLASSIFICATION", "text-classification"),
    _head("TOKEN_CLASSIFICATION", "token-classification"),
    _head("MULTIPLE_CHOICE", "multiple-choice"),
    _head("NEXT_SENTENCE_PREDICTION", "text-classification"),
    _head("RETRIEVAL", "visual-document-retrieval"),
    _head("TIME_SERIES_PREDICTION", "time-series-forecasting"),
    _head("TIME_SERIES_CLASSIFICATION", "time-series-forecasting"),
    _head("TIME_SERIES_REGRESSION", "time-series-forecasting"),
    _head("DECISION", "reinforcement-learning"),
    AutoClass("MODEL_FOR_PRETRAINING_MAPPING_NAMES", None),
    AutoClass("MODEL_MAPPING_NAMES", None),
    AutoClass("MODEL_FOR_TEXT_ENCODING_MAPPING_NAMES", "feature-extraction"),
    AutoClass("MODEL_FOR_IMAGE_MAPPING_NAMES", "image-feature-extraction"),
    AutoClass("MODEL_FOR_BACKBONE_MAPPING_NAMES", "image-feature-extraction"),
)


@cache
def registered_types() -> tuple[str, ...]:
    """Return every model type that the installed transformers registers, sorted."""
    from transformers.models.auto.configuration_auto import (
        CONFIG_MAPPING_NAMES,  # pyright: ignore[reportPrivateImportUsage]  # the table behind AutoConfig
    )

    return tuple(sorted(CONFIG_MAPPING_NAMES))


def class_names(model_type: str) -> tuple[str, ...]:
    """Return the names of the classes that auto classes give for a model type, best first; empty for a component."""
    names = [_first(_table(auto)[model_type]) for auto in AUTO_CLASSES if model_type in _table(auto)]
    return tuple(dict.fromkeys(names))


def base_class_names(model_type: str) -> tuple[str, ...]:
    """Return the name of the class without a head for a model type; empty when there is none."""
    table = _table(AutoClass("MODEL_MAPPING_NAMES", None))
    return (_first(table[model_type]),) if model_type in table else ()


def task_of(model_type: str) -> str | None:
    """Return the task of the auto class that stands for a model type; None = a base model or a component."""
    known_by = (auto.task for auto in AUTO_CLASSES if model_type in _table(auto))
    return next(known_by, None)


def is_causal_class(class_name: str) -> bool:
    """Return whether a class predicts the next token from those before it."""
    return class_name in _causal_names()


@cache
def _causal_names() -> frozenset[str]:
    causal = next(auto for auto in AUTO_CLASSES if auto.task == "text-generation")
    return frozenset(_first(name) for name in _table(causal).values())


def _table(auto: AutoClass) -> dict[str, Any]:
    from transformers.models.auto import modeling_auto

    return getattr(modeling_auto, auto.table)


def _first(names: str | tuple[str, ...]) -> str:
    return names if isinstance(names, str) else names[0]
