"""The cheap scores that may foretell damage: where each stands in the store, and which way it points."""

from dataclasses import dataclass


@dataclass(frozen=True)
class CheapScore:
    """A score of a part of a dense model, turned so that more of it should mean more damage when the part goes.

    `analysis` and `measure` name its rows in `redundancy`; where `falls`, less of the measure should mean more damage.
    """

    name: str
    analysis: str
    measure: str
    source: str
    falls: bool = False

    def turned(self, value: float) -> float:
        """Return the value so that more should mean more damage."""
        return -value if self.falls else value


CHEAP_SCORES = (
    CheapScore("angular-last", "blocks", "angular-last", "arXiv 2403.17887, section 3.2: the last token's angle"),
    CheapScore("angular-mean", "blocks", "angular-mean", "arXiv 2403.17887, over all tokens"),
    CheapScore("bi", "blocks", "bi", "arXiv 2403.03853, section 3.1: block influence"),
    CheapScore("relative-magnitude", "blocks", "relative-magnitude", "arXiv 2312.09299: norm of what a layer adds"),
    CheapScore("relative difference", "states", "relative_difference", "token-wise change of the state"),
    CheapScore("1 - mean cosine", "states", "mean_cosine", "change of the mean state", falls=True),
    CheapScore("1 - CKA", "cka", "cka", "arXiv 1905.00414: states before and after alike, less to lose", falls=True),
    CheapScore("effective rank", "rank", "relative_effective_rank", "EUSIPCO 2007, Roy and Vetterli; over min(m, n)"),
    CheapScore("mean |weight|", "weights", "mean_absolute", "magnitude: small weights do little"),
    CheapScore("weight norm", "weights", "norm", "magnitude: small weights do little"),
    CheapScore("head importance", "heads", "importance", "norm of what a head adds to the state"),
    CheapScore("distance to next head", "heads", "nearest_distance", "a head with a twin can go"),
    CheapScore(
        "attention focus", "heads", "entropy", "arXiv 1905.09418: focused heads matter; minus the entropy", falls=True
    ),
)
