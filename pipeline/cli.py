"""Command lines built from the settings table: one flag a setting, with its default and unit in `--help`.

Exit status: 0 done, 1 a stage failed, 2 bad usage, 130 stopped by Ctrl-C (what is done is kept).
"""

import gc
import inspect
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from pipeline.errors import ArboristError, StageError
from pipeline.progress import Progress, make_progress
from pipeline.settings import Settings, default_values, flag, group_of, load_settings

COMMON_SETTINGS = (
    "store",
    "output_dir",
    "source",
    "directory",
    "engine",
    "workers",
    "device",
    "seed",
    "offline",
    "max_minutes",
)


def new_app(help_text: str) -> typer.Typer:
    """Return an empty typer application in the project's style."""
    return typer.Typer(
        help=help_text,
        add_completion=False,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
    )


def with_settings(*names: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command a flag for each setting, `--config`, `--json` and `-v`.

    The decorated function is called with `settings: Settings` and `progress: Progress` and its own other parameters.
    """

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        own = [
            parameter
            for parameter in inspect.signature(function, eval_str=True).parameters.values()
            if parameter.name not in ("settings", "progress")
        ]
        shared = [_config_parameter(), _json_parameter(), _verbose_parameter()]

        def command(**arguments: Any) -> None:
            flags = {name: arguments.pop(name) for name in names}
            progress = make_progress(json_lines=arguments.pop("json_lines"), verbose=arguments.pop("verbose"))
            config_file = arguments.pop("config")

            def body() -> None:
                function(settings=load_settings(flags, config_file), progress=progress, **arguments)

            run_command(body, progress)

        parameters = [*own, *(_setting_parameter(name) for name in names), *shared]
        command.__signature__ = inspect.Signature(parameters)  # pyright: ignore[reportFunctionMemberAccess]
        command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        command.__doc__ = function.__doc__
        command.__name__ = function.__name__
        return command

    return decorate


def run_command(body: Callable[[], None], progress: Progress) -> None:
    """Run a command's body and turn the project's errors into a message and an exit status."""
    # Python looks for garbage after every 700 new objects, and importing torch and transformers makes a million that
    # stay: this saves a command that loads a model 0.6 of 5 seconds.
    gc.set_threshold(20_000)
    try:
        body()
    except StageError as error:
        progress.error(str(error))
        raise typer.Exit(1) from error
    except ArboristError as error:
        progress.error(str(error))
        raise typer.Exit(2) from error
    except KeyboardInterrupt as error:
        progress.error("stopped; everything finished is kept, the same command goes on from there")
        raise typer.Exit(130) from error
    except BrokenPipeError as error:
        # Nobody reads standard output any more: what is still buffered goes nowhere instead of failing again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(0) from error
    finally:
        progress.close()


def _setting_parameter(name: str) -> inspect.Parameter:
    field = Settings.model_fields[name]
    default = default_values()[name]
    shown = ",".join(map(str, default)) if isinstance(default, list) else str(default).strip() or "none"
    # Round brackets: rich would read square ones as markup and drop them.
    help_text = f"{field.description} (default: {shown.lower() if isinstance(default, bool) else shown})"
    panel = f"Settings: {group_of(name)}"
    if isinstance(default, bool):
        switch = f"{flag(name)}/--no-{flag(name)[2:]}"
        option = typer.Option(switch, help=help_text, show_default=False, rich_help_panel=panel)
        return _keyword(name, Annotated[bool | None, option])
    option = typer.Option(flag(name), help=help_text, show_default=False, metavar="VALUE", rich_help_panel=panel)
    return _keyword(name, Annotated[str | None, option])


def _config_parameter() -> inspect.Parameter:
    option = typer.Option("--config", help="TOML file laid over pipeline.toml", metavar="FILE")
    return _keyword("config", Annotated[Path | None, option])


def _json_parameter() -> inspect.Parameter:
    option = typer.Option("--json", help="print one JSON object a line instead of text")
    return _keyword("json_lines", Annotated[bool, option], default=False)


def _verbose_parameter() -> inspect.Parameter:
    option = typer.Option("-v", "--verbose", help="tell more: every model that failed, every file written")
    return _keyword("verbose", Annotated[bool, option], default=False)


def _keyword(name: str, annotation: Any, default: Any = None) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
