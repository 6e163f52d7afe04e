"""What makes two analyses the same: everything that their numbers depend on, and no commit or date."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import UsageError
from pruning.adapters.parts import Adapter
from pruning.analyses.configurations import Step
from pruning.analyses.options import options_json
from pruning.analyses.records import Reads, Subject
from pruning.texts.records import Text
from store.provenance import HASH_BYTES, content_hash
from store.records import SourceName

if TYPE_CHECKING:
    from transformers import PreTrainedModel


@dataclass(frozen=True)
class ModelIdentity:
    """A model at a revision, as in the table `sightings`."""

    model_id: str
    source: SourceName
    revision: str


@dataclass(frozen=True)
class Specification:
    """One analysis of one model. `settings` is JSON of the options that change a number.

    `text_hash` None = weights alone; `seed` is 0 where nothing is drawn.
    """

    model_id: str
    source: SourceName
    revision: str
    analysis: str
    version: int
    text_hash: str | None
    settings: str
    seed: int
    device: str

    @property
    def key(self) -> str:
        """Return the analysis' key: 32 hex digits."""
        return content_hash(asdict(self))


@dataclass(frozen=True)
class Order:
    """A specification and what is asked of it: with other options the same analysis measures other components."""

    specification: Specification
    step: Step

    @cached_property
    def key(self) -> str:
        """Return the key of the specification."""
        return self.specification.key

    @cached_property
    def options(self) -> str:
        """Return all options as JSON."""
        return options_json(self.step.options)

    def subject(
        self, model: "PreTrainedModel", adapter: Adapter, text: Text | None, finished: Collection[str]
    ) -> Subject:
        """Return a model with the text that the analysis reads, and what is measured of it."""
        windows, reads = text.windows if text else (), self.step.analysis.reads
        return Subject(
            model,
            adapter,
            calibration=windows if reads == "calibration" else (),
            evaluation=windows if reads == "evaluation" else (),
            seed=self.specification.seed,
            finished=frozenset(finished),
        )

    @property
    def title(self) -> str:
        """Return the model and the analysis, for people."""
        return f"{self.specification.model_id} {self.specification.analysis}"


def order_for(model: ModelIdentity, step: Step, texts: Mapping[Reads, Text | None], *, seed: int, device: str) -> Order:
    """Return the order for a step on a model; `texts` are those that an analysis may read.

    Raises `UsageError` for a file among the options that cannot be read.
    """
    analysis = step.analysis
    text = texts.get(analysis.reads)
    specification = Specification(
        model_id=model.model_id,
        source=model.source,
        revision=model.revision,
        analysis=analysis.name,
        version=analysis.version,
        text_hash=text.text_hash if text else None,
        settings=options_json(_fixed(step)),
        seed=seed if analysis.drawn or analysis.reads == "calibration" else 0,
        device=device,
    )
    return Order(specification, step)


def _fixed(step: Step) -> dict[str, Any]:
    """Return the options that change numbers, by name: of a file the hash of its content. Raises `UsageError`."""
    values = {**step.analysis.fixed_values(step.options)}
    return values | {name: _hash_of(values[name]) for name in step.analysis.files if values[name] is not None}


def _hash_of(file: str) -> str:
    try:
        return blake2b(Path(file).read_bytes(), digest_size=HASH_BYTES).hexdigest()
    except OSError as error:
        raise UsageError(f"expected a file in {file!r}: {error.strerror}") from error


def lacks_calibration(order: Order) -> bool:
    """Return whether an analysis reads calibration text and has none.

    One that measures damage decides itself what it can do without text.
    """
    return order.step.analysis.reads == "calibration" and order.specification.text_hash is None
