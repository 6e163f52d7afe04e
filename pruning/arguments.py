"""Arguments that several commands take."""

from pathlib import Path
from typing import Annotated

import typer

Model = Annotated[
    str, typer.Argument(metavar="MODEL", help="folder of a checkpoint, reference/NAME, or OWNER/NAME on the Hub")
]

# Round brackets: rich would read square ones as markup.
_TEXT = "reference, a text file, FOLDER(:SPLIT), or OWNER/NAME(/CONFIG)(:SPLIT) of a dataset"
Calibration = Annotated[
    str | None,
    typer.Option(metavar="SOURCE", help=f"text that calibrated methods see: {_TEXT}", show_default="reference"),
]
Evaluation = Annotated[
    str | None,
    typer.Option(metavar="SOURCE", help=f"text behind the perplexity: {_TEXT}", show_default="reference"),
]
Stride = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="windows of a text file or dataset begin so many tokens apart, and only these are scored of all but the "
        "first",
        show_default="the window",
    ),
]
Images = Annotated[
    Path | None,
    typer.Option(metavar="FOLDER", help="pictures on which a vision model is compared", show_default="none"),
]
Tasks = Annotated[
    str | None,
    typer.Option(
        metavar="FOLDER",
        help="task files NAME.jsonl for lm-eval, or reference: minimal pairs of the reference language; needs "
        "arborist(tasks)",
        show_default="none",
    ),
]
Energy = Annotated[
    str | None,
    typer.Option(
        metavar="COUNTRY",
        help="estimate energy and CO2 of a pass with this country's electricity, 3 letters such as DEU; needs "
        "arborist(energy)",
        show_default="none",
    ),
]
