from data_processing.grouping.levels import architectures, mapped_plans
from data_processing.similarity.comparison import Alike
from data_processing.trees.canonical import ModuleRow, Tree, canonical_tree
from data_processing.trees.fingerprints import Fingerprints, fingerprints
from store.records import Provenance
from tests.data_processing.module_trees import Module, decoder, encoder, rows_of

SMALL, WIDE, DEEP = decoder(), decoder(width=16), decoder(layers=8)


def hashes(tree: Module) -> Fingerprints:
    return fingerprints(canonical_tree(rows_of(tree)))


def header_view(tree: Module) -> Tree:
    """What a file tells: modules with parameters in alphabetical order, without kinds, and no tied head."""
    rows = [row for row in rows_of(tree) if row.parameter_shapes != "{}" and row.path != "lm_head"]
    paths = {part for row in rows for part in _prefixes(row.path)}
    shapes = {row.path: row.parameter_shapes for row in rows}
    repeats = {row.path: row.repeats for row in rows_of(tree)}
    return canonical_tree(
        ModuleRow("h", position, path, path.rpartition(".")[0] or None, "module", shapes.get(path, "{}"), repeats[path])
        for position, path in enumerate(sorted(paths))
    )


def _prefixes(path: str) -> list[str]:
    parts = path.split(".")
    return [".".join(parts[:stop]) for stop in range(1, len(parts) + 1)]


def test_each_level_joins_more() -> None:
    found = {"small": hashes(SMALL), "wide": hashes(WIDE), "deep": hashes(DEEP), "bert": hashes(encoder())}
    plans = {name: one.family for name, one in found.items()}
    groups = {
        level: len(set(architectures(found, plans, [], level).values()))
        for level in ("exact", "layout", "plan", "similar")
    }
    assert groups == {"exact": 4, "layout": 3, "plan": 2, "similar": 2}


def test_similar_joins_the_plans_of_pairs() -> None:
    found = {"llama": hashes(SMALL), "qwen2": hashes(decoder(bias=True)), "bert": hashes(encoder())}
    plans = {name: one.family for name, one in found.items()}
    joined = architectures(found, plans, [Alike("llama", "qwen2", 0.9, 9.0, 10.0)], "similar")
    assert joined["llama"] == joined["qwen2"] == min(plans["llama"], plans["qwen2"])
    assert joined["bert"] == plans["bert"]


def test_a_headers_view_meets_the_configs_view_of_the_same_body() -> None:
    header = fingerprints(header_view(WIDE))
    found = {"h": header, "c": hashes(SMALL), "other": hashes(encoder())}
    provenance: dict[str, Provenance] = {"h": "header", "c": "config", "other": "config"}
    assert header.family != found["c"].family and header.body == found["c"].body
    plans = mapped_plans(found, provenance, {}, {"c": 1, "other": 5})
    assert plans == {"h": found["c"].family, "c": found["c"].family, "other": found["other"].family}


def test_the_config_of_the_same_model_goes_before_the_body() -> None:
    found = {"h": fingerprints(header_view(SMALL)), "c": hashes(SMALL), "twin": hashes(encoder())}
    provenance: dict[str, Provenance] = {"h": "header", "c": "config", "twin": "config"}
    assert mapped_plans(found, provenance, {"h": "twin"}, {})["h"] == found["twin"].family


def test_of_two_plans_with_one_body_the_one_of_more_models_counts() -> None:
    headed = Module(children={**SMALL.children, "score": SMALL.children["lm_head"]})
    found = {"h": fingerprints(header_view(SMALL)), "plain": hashes(SMALL), "headed": hashes(headed)}
    assert found["plain"].body == found["headed"].body and found["plain"].family != found["headed"].family
    provenance: dict[str, Provenance] = {"h": "header", "plain": "config", "headed": "config"}
    for better in ("plain", "headed"):
        assert mapped_plans(found, provenance, {}, {better: 2})["h"] == found[better].family


def test_a_body_that_no_config_has_keeps_its_own_plan() -> None:
    found = {"h": fingerprints(header_view(SMALL)), "bert": hashes(encoder())}
    assert mapped_plans(found, {"h": "gguf", "bert": "config"}, {"h": "gone"}, {})["h"] == found["h"].family
