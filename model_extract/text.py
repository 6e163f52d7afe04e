"""Text from outside in a form that the store takes."""


def storable(text: str) -> str:
    """Return a text with what UTF-8 cannot hold (lone surrogates) written as escapes: the store takes no other."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
