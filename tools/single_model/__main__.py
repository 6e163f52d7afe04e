"""Commands of single_model.yml; the form's texts come as variables ARBORIST_*, empty ones not set."""

from pathlib import Path
from typing import Annotated

import typer
from typer.models import OptionInfo

from pipeline.cli import new_app, with_settings
from pipeline.progress import Progress
from pipeline.settings import Settings
from tools.single_model.order import read_model, read_order

app = new_app("Prune one model on demand: what single_model.yml calls.")


def _option(name: str, help_text: str) -> OptionInfo:
    return typer.Option(f"--{name}", envvar=f"ARBORIST_{name.upper()}", help=help_text, metavar="TEXT")


Model = Annotated[str, _option("model", "reference/NAME, or OWNER/NAME on the Hub")]
Method = Annotated[str, _option("method", "pruning method; `python -m pruning methods` lists them")]
Ratio = Annotated[str, _option("ratio", "share of the method's units to remove, fraction in (0, 1)")]
Calibration = Annotated[str, _option("calibration", "reference or a dataset OWNER/NAME(/CONFIG)(:SPLIT); none = fits")]
Evaluation = Annotated[str, _option("evaluation", "the same, for the perplexity")]


@app.command()
@with_settings("seed", "device")
def check(
    settings: Settings,
    progress: Progress,
    model: Model,
    method: Method,
    ratio: Ratio,
    calibration: Calibration = "",
    evaluation: Evaluation = "",
) -> None:
    """Check what was asked before a machine is taken, and write the runner's labels and the artifact's name."""
    from tools.ci.command_files import write_output
    from tools.ci.planning import check_gpu, runner
    from tools.ci.request import read_request

    order, request = read_order(model, method, ratio, calibration, evaluation), read_request()
    check_gpu(request, settings)
    write_output("runner", runner(request))
    write_output("name", order.name)
    progress.result(f"{order.model}: {order.method} at {order.ratio:g}", name=order.name)


@app.command()
@with_settings()
def fetch(settings: Settings, progress: Progress, model: Model) -> None:  # noqa: ARG001  # every command has settings
    """Bring the model's files: what loads them afterwards needs no token, and has none."""
    from pruning.models import resolve

    progress.result(f"{resolve(read_model(model)).name}: its files are here")


@app.command()
@with_settings("seed", "device")
def prune(
    settings: Settings,  # noqa: ARG001  # read, so that a bad one is refused; `python -m pruning` takes them
    progress: Progress,
    model: Model,
    method: Method,
    ratio: Ratio,
    output: Annotated[Path, typer.Option("--output", help="folder to make: checkpoint, card, report", metavar="DIR")],
    calibration: Calibration = "",
    evaluation: Evaluation = "",
) -> None:
    """Prune, save, measure what was saved; the report goes into the job's summary, too."""
    from tools.ci.command_files import write_summary
    from tools.single_model.work import prune_and_report

    order = read_order(model, method, ratio, calibration, evaluation)
    write_summary(prune_and_report(order, output))
    progress.result(f"{output}: checkpoint with its card, report", output=str(output))


if __name__ == "__main__":
    app()
