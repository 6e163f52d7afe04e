from data_processing.choosing.representatives import choose
from tests.data_processing.models import model


def test_the_smallest_with_weights_where_any_has_weights() -> None:
    chosen = choose(
        [
            model("a/popular", downloads=10**6, n_parameters=1),
            model("a/large", has_weights=True, n_parameters=9),
            model("a/small", has_weights=True, n_parameters=5),
            model("a/unknown", has_weights=True),
        ]
    )
    assert [choice.model.model_id for choice in chosen] == ["a/small", "a/large", "a/unknown"]
    assert {choice.objective for choice in chosen} == {"smallest-with-weights"}
    assert chosen[0].reason == "number 1 by size of 3 with weights: 5 parameters"


def test_otherwise_the_most_downloaded_then_the_smaller_then_the_id() -> None:
    chosen = choose(
        [
            model("d", n_parameters=3),
            model("c", n_parameters=2),
            model("b", n_parameters=2),
            model("a"),
            model("z", downloads=7),
        ]
    )
    assert [choice.model.model_id for choice in chosen] == ["z", "b", "c", "d", "a"]
    assert [choice.rank for choice in chosen] == [1, 2, 3, 4, 5]
    assert chosen[0].reason == "none has weights; number 1 by downloads of 5: 7 downloads, size unknown"


def test_at_most_five() -> None:
    assert len(choose([model(str(number)) for number in range(9)])) == 5
