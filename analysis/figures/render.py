"""A picture of the report as the bytes of a PNG."""

from analysis.document import Picture
from pictures.style import png_of


def render_png(picture: Picture) -> bytes:
    """Draw a picture and return its PNG: the same rows give the same bytes."""
    return png_of(picture.draw, picture.rows)
