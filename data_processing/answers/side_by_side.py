"""An explanation for people: two columns, equal modules folded, in as many cells as the terminal is wide."""

import os
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from textwrap import wrap

from rich.console import Console
from rich.text import Text

from data_processing.answers.difference import Difference, DiffNode, Kind, Resizing, shape_text
from data_processing.answers.explain import Described, Explanation, Fact
from data_processing.answers.folding import Line, shown_lines
from data_processing.answers.module_trees import Module
from pipeline.text import count_of, printable

_TOKENS_SHOWN = 6
_PLAIN_CELLS = 120  # where nothing says how wide the output may be
_LABEL_CELLS = 12
_MARKS: Mapping[Kind, tuple[str, str, str]] = {  # mark, style, words of the legend
    "changed": ("~", "yellow", "changed"),
    "moved": (">", "magenta", "moved"),
    "renamed": ("=", "cyan", "other name"),
    "only_a": ("-", "red", "only in"),
    "only_b": ("+", "green", "only in"),
}
_LEVELS = {
    "exact": "plan and sizes",
    "layout": "plan at any width",
    "plan": "any width and depth: the family hash",
    "body": "plan without heads, kinds and order",
}


def render(explanation: Explanation, width: int, *, sizes: bool = False, everything: bool = False) -> list[Text]:
    """Return the lines, none wider than `width` cells.

    `sizes` lists the modules that differ in their dimensions alone, `everything` all that one side alone has.
    """
    lines = [*_head(explanation, width), Text(), *_columns(explanation, width, sizes, everything), Text()]
    for label, texts in _sections(explanation, max(width - _LABEL_CELLS, 8)):
        lines += [_labelled(label if at == 0 else "", text) for at, text in enumerate(texts)]
    for line in lines:
        line.truncate(width, overflow="ellipsis")
    return lines


def show(explanation: Explanation, *, sizes: bool, everything: bool) -> None:
    """Print an explanation on standard output: coloured on a terminal unless NO_COLOR is set, else plain."""
    console = Console(highlight=False)
    width = console.width if console.is_terminal or "COLUMNS" in os.environ else _PLAIN_CELLS
    with console.capture() as captured:
        for line in render(explanation, width, sizes=sizes, everything=everything):
            console.print(line, soft_wrap=True)
    sys.stdout.write(captured.get())
    sys.stdout.flush()


def _head(explanation: Explanation, width: int) -> list[Text]:
    verdict = f"{_id(explanation.left)} and {_id(explanation.right)}: {printable(explanation.verdict)}"
    lines = [Text(line, "bold") for line in wrap(verdict, width)]
    return [*lines, *(Text(line, "dim") for line in wrap(explanation.note or "", width))]


def _id(model: Described) -> str:
    return printable(model.model_id, 80)


def _columns(explanation: Explanation, width: int, sizes: bool, everything: bool) -> Iterator[Text]:
    """Yield the two columns and the legend of the marks in them."""
    nodes = explanation.nodes
    cells = max((width - 3) // 2, 8)
    yield _row(cells, _title(explanation.left), "", _title(explanation.right))
    yield _row(cells, Text("─" * cells, "dim"), "", Text("─" * cells, "dim"))
    root = [Line(0, "no", 1, 1, 0)] if nodes[0].changes else []
    lines = [*root, *shown_lines(nodes, sizes=sizes, everything=everything)]
    for line in lines:
        yield _fold(nodes, line) if line.fold == "equal" else _node(nodes, line, cells)
    used: set[Kind] = {nodes[line.index].kind for line in lines if line.fold != "equal"}
    if used - {"same"}:
        yield _legend(used, explanation)


def _title(model: Described) -> Text:
    architecture = model.numbers.architecture
    return Text().append(_id(model), "bold").append(f"  {printable(architecture, 80)}" if architecture else "", "dim")


def _row(cells: int, left: Text, mark: str, right: Text, style: str = "") -> Text:
    left.truncate(cells, overflow="ellipsis", pad=True)
    right.truncate(cells, overflow="ellipsis")
    row = Text.assemble(left, (f" {mark:1} ", style), right)
    row.rstrip()
    return row


def _fold(nodes: Difference, line: Line) -> Text:
    if line.resized == line.modules:
        words = f"... {count_of(line.modules, 'module')} in another size"
    elif line.resized:
        words = f"... {count_of(line.modules, 'module')}, {line.resized:,} of them in another size"
    else:
        words = f"... {count_of(line.modules, 'equal module')}"
    return Text(_indent(nodes[line.index].module) + words, "dim")


def _indent(module: Module) -> str:
    return "  " * module.path.count(".")


def _node(nodes: Difference, line: Line, cells: int) -> Text:
    node = nodes[line.index]
    mark, style, _ = _MARKS.get(node.kind, ("", "dim", ""))
    places = _places(nodes, node)
    left = _cell(node, node.left, node.right, places[0], style)
    right = _cell(node, node.right, node.left, places[1], style)
    if line.fold == "inside":
        (left if node.left else right).append(f"  with {count_of(line.modules - 1, 'module')} inside", "dim")
    return _row(cells, left, mark, right, style)


def _cell(node: DiffNode, own: Module | None, other: Module | None, place: str, style: str) -> Text:
    """Return one side of a node: name, place, class, parameters where they differ, repeats."""
    if own is None:
        return Text()
    aspects = {change.aspect for change in node.changes}
    cell = Text(_indent(own)).append(_name(own.name), style)
    cell.append(f" ({place})" if place else "", style)
    kind = printable(own.kind or (own.class_name if own.is_told else ""), 80)
    cell.append(f"  {kind}" if kind else "", style if "kind" in aspects else "dim")
    shapes = "shape" in aspects or node.only_sizes
    if own.parameters and (shapes or "parameter" in aspects):
        cell.append("" if kind else "  ").append_text(_parameters(own, other, style, shapes=shapes))
    return cell.append(f"  x{own.repeats}" if own.repeats > 1 else "", style if "repeats" in aspects else "dim")


def _name(name: str) -> str:
    return printable(name, 80) or "(the model itself)"


def _parameters(own: Module, other: Module | None, style: str, *, shapes: bool) -> Text:
    """Return "(weight, bias)" with what the other module has not, or has in another shape, in the node's colour."""
    others = {parameter.name: parameter.shape for parameter in other.parameters} if other else {}
    text = Text().append("(", "dim")
    for at, parameter in enumerate(own.parameters):
        same = parameter.name in others and (not shapes or others[parameter.name] == parameter.shape)
        shape = f" {shape_text(parameter.shape)}" if shapes else ""
        text.append(", " if at else "", "dim").append(
            printable(parameter.name, 60) + shape, "dim" if same else f"bold {style}"
        )
    return text.append(")", "dim")


def _places(nodes: Difference, node: DiffNode) -> tuple[str, str]:
    """Return where a module stands on each side, where its line does not show it."""
    order = next((change for change in node.changes if change.aspect == "order"), None)
    if order:
        return printable(order.left or "", 80), printable(order.right or "", 80)
    place = next((change for change in node.changes if change.aspect == "place"), None)
    if place is None or _right_above(nodes, node) == place.right:
        return "", ""
    return "", f"in {_short(place.right)}" if place.right else "at the top"


def _short(path: str) -> str:
    """Return the last name of a path, with its container's where it is a number."""
    names = path.split(".")
    return printable(".".join(names[-2:] if names[-1][:1].isdigit() else names[-1:]), 80)


def _right_above(nodes: Difference, node: DiffNode) -> str | None:
    """Return the path of the nearest module of the right side above a node; None = the root's."""
    at = node.parent
    while at > 0 and nodes[at].right is None:
        at = nodes[at].parent
    above = nodes[max(at, 0)].right
    return above.path if above else None


def _legend(used: Collection[Kind], explanation: Explanation) -> Text:
    names = {"only_a": f" {_id(explanation.left)}", "only_b": f" {_id(explanation.right)}"}
    legend = Text()
    for kind, (mark, style, words) in _MARKS.items():
        if kind in used:
            legend.append(f"{mark} ", style).append(f"{words}{names.get(kind, '')}   ", "dim")
    legend.rstrip()
    return legend


def _sections(explanation: Explanation, width: int) -> Iterator[tuple[str, list[Text]]]:
    if explanation.resizings:
        yield "sizes", [_resizing(one, explanation) for one in explanation.resizings]
    if explanation.traits:
        yield "traits", _facts(explanation.traits, explanation, width)
    yield "numbers", _facts(explanation.numbers, explanation, width)
    yield "levels", [_level(level, equal) for level, equal in explanation.equal_levels.items()]
    yield "similarity", list(_similarity(explanation))


def _labelled(label: str, text: Text) -> Text:
    return Text().append(f"{label:<{_LABEL_CELLS}}", "bold").append_text(text)


def _resizing(one: Resizing, explanation: Explanation) -> Text:
    counts = count_of(one.count_left, "module")
    if one.count_left != one.count_right:
        counts = f"{one.count_left:,} | {count_of(one.count_right, 'module')}"
    width = " (the width)" if _is_width(one, explanation) else ""
    names = ", ".join(_name(name) for name in one.names)
    return Text().append(f"{one.left} -> {one.right}", "yellow").append(f"{width}  in {counts}: {names}")


def _is_width(one: Resizing, explanation: Explanation) -> bool:
    return (one.left, one.right) == (explanation.left.numbers.hidden_size, explanation.right.numbers.hidden_size)


def _facts(facts: Sequence[Fact], explanation: Explanation, width: int) -> list[Text]:
    """Return a line for each fact that differs, then what one side alone says, then what is equal."""
    left, right = (_id(model) for model in (explanation.left, explanation.right))
    groups: dict[str, list[str]] = {f"only {left} says": [], f"only {right} says": [], "equal": []}
    lines = []
    for fact in facts:
        name = printable(fact.name, 60)
        if fact.differs and None not in (fact.left, fact.right):
            lines.append(Text(f"{name}: ").append(f"{_said(fact.left)} | {_said(fact.right)}", "yellow"))
            continue
        group = "equal" if not fact.differs else f"only {right if fact.left is None else left} says"
        groups[group].append(f"{name} {_said(fact.right if fact.left is None else fact.left)}")
    for group, said in groups.items():
        words = wrap(f"{group}: {', '.join(said)}" if said else "", width)
        lines += [Text(line, "dim" if group == "equal" else "") for line in words]
    return lines


def _said(value: int | str | None) -> str:
    if isinstance(value, int):
        return f"{value:,}"
    return "not said" if value is None else printable(value, 60)


def _level(level: str, equal: bool) -> Text:
    text = Text(f"{level}: ").append("equal" if equal else "different", "" if equal else "yellow")
    return text.append(f"  ({_LEVELS[level]})", "dim")


def _similarity(explanation: Explanation) -> Iterator[Text]:
    found = explanation.overlap
    yield Text(f"{found.similarity:.3f}: shared weight {found.shared:g} of {found.total:g}")
    for model, tokens, style in (
        (explanation.left, explanation.only_left, "red"),
        (explanation.right, explanation.only_right, "green"),
    ):
        for at, token in enumerate(tokens[:_TOKENS_SHOWN]):
            yield Text(f"only in {_id(model)}: " if at == 0 else "  ").append(printable(token), style)
        if len(tokens) > _TOKENS_SHOWN:
            yield Text(f"  and {len(tokens) - _TOKENS_SHOWN:,} more", "dim")
