"""Values of GitHub's expressions and how they turn into one another.

Source: docs.github.com, "Evaluate expressions in workflows and actions", sections Literals and Operators; where that
page is silent, `EvaluationResult` of github.com/actions/runner.
"""

import json
import math
import re
from typing import TypeAlias

from tools.workflows.errors import ExpressionError

Value: TypeAlias = bool | float | str | list["Value"] | dict[str, "Value"] | None

DECIMAL = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?")
BASED = re.compile(r"0x[0-9a-fA-F]+|0o[0-7]+")


class CaseSensitive(dict[str, Value]):
    """An object whose keys differ by case, as environment variables do on Linux; keys of all others do not."""


class Filtered(list[Value]):
    """What `.*` returns: the next index goes through its items."""


def as_value(plain: object) -> Value:
    """Return a value of Python or JSON as a value of expressions."""
    if isinstance(plain, bool) or plain is None or isinstance(plain, str):
        return plain
    if isinstance(plain, int | float):
        return as_number(plain)
    if isinstance(plain, dict):
        return {str(key): as_value(item) for key, item in plain.items()}
    if isinstance(plain, list | tuple):
        return [as_value(item) for item in plain]
    raise ExpressionError(f"expected a JSON value, got {type(plain).__name__}")


def as_number(plain: int | float) -> float:
    """Return a double; what is too large is infinite."""
    try:
        return float(plain)
    except OverflowError:
        return math.copysign(math.inf, plain)


def primitive(value: Value) -> bool:
    """Tell a scalar from an array or an object."""
    return not isinstance(value, list | dict)


def truthy(value: Value) -> bool:
    """null, false, 0, NaN and '' are false; all else is true."""
    if isinstance(value, float):
        return value != 0 and not math.isnan(value)
    return value is not None and value is not False and value != ""


def number(value: Value) -> float:
    """Return the number that a comparison takes: null 0, booleans 0 and 1, '' 0, other texts their number or NaN."""
    if value is None:
        return 0.0
    if isinstance(value, bool | float):
        return float(value)
    return number_of_text(value) if isinstance(value, str) else math.nan


def number_of_text(text: str) -> float:
    """Return the number that a text writes, or NaN."""
    text = text.strip()
    if not text:
        return 0.0
    if DECIMAL.fullmatch(text):
        return float(text)
    if BASED.fullmatch(text):
        return signed(int(text, 0))
    return {"Infinity": math.inf, "-Infinity": -math.inf}.get(text, math.nan)


def signed(pattern: int) -> float:
    """Return what 32 bits mean as a signed integer, as the runner reads 0x and 0o; more bits are no number."""
    if pattern >= 2**32:
        return math.nan
    return float(pattern - 2**32 if pattern >= 2**31 else pattern)


def string(value: Value) -> str:
    """Return the text that a value leaves in a template."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return digits(value)
    if isinstance(value, list):
        return "Array"
    return value if isinstance(value, str) else "Object"


def digits(value: float) -> str:
    """Return a number with 15 significant digits, as `G15` of .NET writes it."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return format(value, ".15g").upper() if value else "0"


def equal(left: Value, right: Value) -> bool:
    """Loose equality: texts without case, different kinds as numbers, arrays and objects only with themselves."""
    if not primitive(left) or not primitive(right):
        return left is right
    if isinstance(left, str) and isinstance(right, str):
        return left.upper() == right.upper()
    return number(left) == number(right)


def greater(left: Value, right: Value) -> bool:
    """Order of texts without case, else of numbers; NaN, arrays and objects have none."""
    if isinstance(left, str) and isinstance(right, str):
        return left.upper() > right.upper()
    return number(left) > number(right)


def member(value: Value, key: Value) -> tuple[bool, Value]:
    """Return (found, item) of one index into an object (by text, without case) or an array (by number)."""
    if isinstance(value, dict) and primitive(key):
        return property_of(value, string(key))
    position = number(key)
    if isinstance(value, list) and 0 <= position < len(value):
        return True, value[int(position)]
    return False, None


def property_of(value: dict[str, Value], name: str) -> tuple[bool, Value]:
    """Look a key up."""
    if name in value:
        return True, value[name]
    if not isinstance(value, CaseSensitive):
        for key, item in value.items():
            if key.upper() == name.upper():
                return True, item
    return False, None


def from_json(text: str) -> Value:
    """Parse JSON."""
    try:
        return as_value(json.loads(text, parse_constant=refuse_constant))
    except (ValueError, RecursionError) as error:
        raise ExpressionError(f"fromJSON: not JSON: {error}") from None


def refuse_constant(name: str) -> Value:
    """NaN and Infinity are no JSON."""
    raise ValueError(f"unexpected {name}")


def to_json(value: Value, indent: str = "") -> str:
    """Write JSON with two spaces a level, as `toJSON` does."""
    deeper = indent + "  "
    if isinstance(value, dict):
        inner = [f"{to_json(key)}: {to_json(item, deeper)}" for key, item in value.items()]
        return enclosed("{}", inner, indent)
    if isinstance(value, list):
        return enclosed("[]", [to_json(item, deeper) for item in value], indent)
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    return string(value) if value is not None else "null"


def enclosed(brackets: str, inner: list[str], indent: str) -> str:
    """Set items one a line between brackets."""
    if not inner:
        return brackets
    lines = ",\n".join(f"{indent}  {item}" for item in inner)
    return f"{brackets[0]}\n{lines}\n{indent}{brackets[1]}"
