"""Pictures of analyses: what is compared shares a picture, and its scale."""

from pruning.analyses.drawing import pictures_of
from pruning.analyses.export import FindingRow


def row(measure: str, value: float, variant: str | None = None, unit: str = "1") -> FindingRow:
    return FindingRow(
        model_id="m",
        revision="r",
        analysis="neuron-matching",
        component="mlp of layers 0 and 1",
        measure=measure,
        variant=variant,
        target="mlp",
        layer=0,
        other_layer=1,
        head=None,
        other_head=None,
        x=None,
        value=value,
        unit=unit,
        n=None,
        seed=0,
        analysis_key="k",
    )


def test_before_and_after_are_panels_of_one_picture() -> None:
    rows = [row("share_before", 0.1), row("share_after", 0.9), row("kl", 2.0, "shared", "nats per token")]
    before, both = pictures_of("neuron-matching", rows[:1]), pictures_of("neuron-matching", rows)
    assert set(both) == {"share", "kl"}
    assert both["share"] != before["share"]
    assert pictures_of("unknown", rows) == {}
