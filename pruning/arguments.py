"""Arguments that several commands take."""

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
