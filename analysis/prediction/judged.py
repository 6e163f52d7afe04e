"""All that the report says of predicting damage, worked out once from the rows of its queries."""

from dataclasses import dataclass

from analysis.comparison import DAMAGE
from analysis.prediction.kept import Provenance, kept_measurements, usable
from analysis.prediction.left_out import LeftOut, Score, leave_out, scores_of
from analysis.prediction.models import METHOD_VERSIONS, MODEL_FEATURES, TYPE_FAMILIES
from analysis.prediction.observations import KEPT, STORE, Observation, at_home, observations
from analysis.section import Answers


@dataclass(frozen=True)
class Judged:
    """Observations, what was predicted for each without its family, and the errors.

    `refused` says why kept measurements, or some of them, do not count; None = they all do.
    """

    observed: tuple[Observation, ...]
    left_out: tuple[LeftOut, ...]
    scores: tuple[Score, ...]
    provenance: Provenance
    refused: str | None

    def score(self, scope: str | None, predictor: str) -> Score:
        """Return the errors of a predictor. StopIteration: nothing was left out."""
        return next(score for score in self.scores if (score.scope, score.predictor) == (scope, predictor))


def types_of(answers: Answers) -> dict[str, str]:
    """Return the family of each model type."""
    return {row.model_type: row.family_id for row in answers[TYPE_FAMILIES]}


def judged(answers: Answers) -> Judged:
    """Return what the store's rows and the kept measurements that stand beside them say."""
    types, versions = types_of(answers), {row.method: row.method_version for row in answers[METHOD_VERSIONS]}
    own = [row for row in answers[MODEL_FEATURES] if row.dense_perplexity is not None]
    kept = kept_measurements()
    models, damages, refused = usable(kept, own, versions)
    observed = [
        *observations(own, answers[DAMAGE], types, STORE),
        *observations(at_home(models, own, types), damages, types, KEPT),
    ]
    left_out = leave_out(observed)
    return Judged(tuple(observed), tuple(left_out), tuple(scores_of(left_out)), kept.provenance, refused)
