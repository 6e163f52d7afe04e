"""Pictures of what analyses of dense models found."""

from typing import TYPE_CHECKING

from pictures.style import COLORS, GREY, MARKERS, Frame, axes_grid, facets, heading, label, label_outer

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Damage below this is drawn at the edge: a logarithmic axis has no 0.
LEAST_KL = 1e-4
_PART_LOOKS = {"layer": ("o", "-"), "attention": ("s", "--"), "mlp": ("^", ":")}


def draw_proxies(frame: Frame, title: str) -> "Figure":
    """Dots with intervals: rank correlation with damage, a panel a part of the layer, a line a score.

    Columns model_id (none = pooled), target, proxy, spearman, ci_low, ci_high; scores stand as they come, the first on
    top.
    """
    targets = list(dict.fromkeys(frame["target"]))
    models = sorted(set(frame["model_id"].dropna()))
    most = max(frame[frame["target"] == target]["proxy"].nunique() for target in targets)
    columns = min(2, len(targets))
    rows = -(-len(targets) // columns)
    figure, axes = axes_grid(1 + 5.2 * columns, 1.6 + rows * (0.9 + 0.3 * most), rows, columns, sharex=True)
    for unused in axes[len(targets) :]:
        unused.remove()
    for panel, target in zip(axes, targets, strict=False):
        _proxy_panel(panel, frame[frame["target"] == target], models)
        panel.set_title(target)
    for panel in axes[: len(targets)][-columns:]:
        panel.set_xlabel("Spearman's rho with damage")
        panel.tick_params(labelbottom=True)
    handles = dict(zip(*reversed(axes[0].get_legend_handles_labels()), strict=True))
    figure.legend([*handles.values()], [*handles], loc="outside lower center", ncols=5)
    heading(figure, title)
    return figure


def _proxy_panel(panel: "Axes", part: Frame, models: list[str]) -> None:
    scores = list(dict.fromkeys(part["proxy"]))
    places = part["proxy"].map(scores.index)
    whole = part["model_id"].isna()
    pooled = part[whole]
    for index, model in enumerate(models):
        mine = part["model_id"] == model
        panel.scatter(
            part["spearman"][mine], places[mine], s=20, linewidths=0, alpha=0.85, color=COLORS[index % len(COLORS)],
            marker=MARKERS[(index + index // len(COLORS)) % len(MARKERS)], label=label(model), zorder=3,
        )  # fmt: skip
    below, above = pooled["spearman"] - pooled["ci_low"], pooled["ci_high"] - pooled["spearman"]
    panel.errorbar(
        pooled["spearman"], places[whole] - 0.22, xerr=[below.clip(lower=0), above.clip(lower=0)], color="black",
        marker="D", markersize=5, linestyle="none", linewidth=1.6, capsize=3, label="pooled, 95 % interval",
    )  # fmt: skip
    panel.axvline(0, color="black", linewidth=0.8)
    panel.set_yticks(range(len(scores)), [label(score) for score in scores])
    panel.set_ylim(len(scores) - 0.45, -0.75)
    panel.set_xlim(-1.05, 1.05)
    panel.set_xticks([-1, -0.5, 0, 0.5, 1])
    panel.grid(visible=False, axis="y")


def draw_ablation(frame: Frame, title: str) -> "Figure":
    """Lines: damage by layer, a panel a model, a line a part of the layer; single heads as crosses.

    Columns model_id, target, layer, kl (nats per token; less than 1e-4 is drawn there).
    """
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    models = list(dict.fromkeys(frame["model_id"]))
    figure, axes = facets(len(models), 3.9, 3.1, sharey=True)
    for panel, model in zip(axes, models, strict=True):
        part = frame[frame["model_id"] == model]
        _ablation_panel(panel, part.assign(kl=part["kl"].clip(lower=LEAST_KL)))
        panel.set_title(label(model))
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
        panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    label_outer(axes, "layer", "KL from dense, nats per token")
    for panel in axes:
        panel.tick_params(labelbottom=True)
    handles = {name: handle for panel in axes for handle, name in zip(*panel.get_legend_handles_labels(), strict=True)}
    figure.legend([*handles.values()], [*handles], loc="outside lower center", ncols=4)
    heading(figure, title)
    return figure


def _ablation_panel(panel: "Axes", part: Frame) -> None:
    heads = part[part["target"] == "head"]
    if len(heads):
        panel.scatter(heads["layer"], heads["kl"], s=22, marker="x", color=GREY, linewidths=1.2, label="a head")
    for index, (target, (marker, line)) in enumerate(_PART_LOOKS.items()):
        mine = part[part["target"] == target].sort_values("layer")
        if len(mine):
            panel.plot(
                mine["layer"],
                mine["kl"],
                color=COLORS[index],
                marker=marker,
                linestyle=line,
                markersize=5,
                label=target,
            )
    panel.set_yscale("log")
