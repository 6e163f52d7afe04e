"""More measured models than the five committed ones: `python -m tools.train_variants [--folder F] [--limit N]`.

Trains the models of `tools/variants.py`, measures them with `run_pipeline.py`, and writes what the report reads of them
into `analysis/measurements/`; half an hour of one busy core. The same command goes on where it was stopped: a model
whose folder is there is not trained again, a finished experiment not repeated. Weights and store stay in the folder,
which is not committed; so do the measurements of a trial with `--limit`.
"""

import argparse
import subprocess
import sys
from pathlib import Path

from analysis.prediction.kept import FOLDER
from pipeline.progress import make_progress
from pipeline.settings import ROOT
from pruning.reference.recipes import Recipe
from tools.export_variants import export
from tools.variants import VARIANTS

DEFAULT_FOLDER = ROOT / "model_architecture" / "variants"
STORE = "arborist.duckdb"
SEED = 0
METHODS = (
    "random,magnitude,wanda,sparsegpt,mlp-random,mlp-maxmin,heads-random-remove,heads-magnitude-remove,"
    "depth-random,depth-last,depth-angular,svd"
)
RATIOS = "0.1,0.25,0.5"
ANALYSES = Path("tools") / "variant_analyses.toml"
# Every model of its own structure is taken; all that changes a number of quality is pipeline.toml's.
FLAGS = ("--extract", "--process", "--prune", "--source", "directory", "--level", "exact", "--workers", "1")


def train(recipe: Recipe, folder: Path) -> None:
    """Train a variant into `folder / name`, unless it is there."""
    import torch

    from pruning.reference.checkpoint import train_checkpoint
    from pruning.reference.training import Budget

    target = folder / recipe.name
    if target.exists():
        return
    torch.set_num_threads(1)
    record = train_checkpoint(recipe, target, Budget(recipe.steps), SEED, lambda _: None)
    make_progress().note(f"{recipe.name}: {record.ratio:.3f} times the floor after {record.seconds:.0f} s")


def measure(models: Path, store: Path) -> None:
    """Run the pipeline over the trained folders. Raises `CalledProcessError` when it fails."""
    choices = ("--methods", METHODS, "--ratios", RATIOS, "--analyses", str(ANALYSES))
    places = ("--directory", str(models), "--store", str(store))
    subprocess.run([sys.executable, "run_pipeline.py", *FLAGS, *choices, *places], check=True, cwd=ROOT)


def measurements_folder(folder: Path, limit: int) -> Path:
    """Return where the measurements go: those of a few variants must not replace the committed ones of all."""
    if limit >= len(VARIANTS):
        return FOLDER
    trial = folder / "measurements"
    trial.mkdir(parents=True, exist_ok=True)
    return trial


def main() -> None:
    """Train, measure, export."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=DEFAULT_FOLDER, help="weights and store (default: %(default)s)")
    parser.add_argument(
        "--limit", type=int, default=len(VARIANTS), help="only the first variants, for a trial (default: all)"
    )
    arguments = parser.parse_args()
    folder = arguments.folder.resolve()
    for recipe in VARIANTS[: arguments.limit]:
        train(recipe, folder / "models")
    measure(folder / "models", folder / STORE)
    export(folder / STORE, measurements_folder(folder, arguments.limit), SEED)


if __name__ == "__main__":
    main()
