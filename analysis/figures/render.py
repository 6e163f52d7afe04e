"""Pictures of the report as the bytes of PNGs; many are drawn in child processes."""

from collections.abc import Iterator, Mapping

from analysis.document import Picture
from pictures.style import png_of
from pipeline.engines import Limits, Task, run_tasks
from pipeline.errors import StageError

# A child that starts must find enough to draw to be worth it.
PICTURES_A_WORKER = 4
LIMITS = Limits(memory_bytes=2 * 1024**3, seconds=180)
PRELOAD = (
    "analysis.sections",
    "matplotlib.backends.backend_agg",
    "matplotlib.figure",
    "pandas",
    "PIL.Image",
)


def render_png(picture: Picture) -> bytes:
    """Draw a picture and return its PNG: the same rows give the same bytes."""
    return png_of(picture.draw, picture.rows)


def render_pictures(pictures: Mapping[str, Picture], workers: int) -> Iterator[tuple[str, bytes]]:
    """Yield (name, PNG) of every picture as it is done, in any order; the bytes do not depend on `workers`.

    Raises `StageError` when a child that draws fails.
    """
    children = min(workers, len(pictures) // PICTURES_A_WORKER)
    if children < 2:
        yield from ((name, render_png(picture)) for name, picture in pictures.items())
        return
    tasks = [Task(name, picture) for name, picture in pictures.items()]
    for outcome in run_tasks(render_png, tasks, workers=children, limits=LIMITS, preload=PRELOAD):
        if outcome.value is None:
            raise StageError(f"picture {outcome.key}: expected a PNG, got {outcome.status}: {outcome.detail}")
        yield outcome.key, outcome.value
