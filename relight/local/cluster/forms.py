"""What single values must be: texts with a form (base64, a quantity, a time), and the bounds that a schema sets.

A form's check says in the API's words what is wrong, or nothing.
"""

import binascii
import re
from base64 import b64decode
from collections.abc import Callable
from datetime import datetime
from typing import Any

from relight.local.cluster.quantity import quantity

QUANTITY = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"


def _base64(value: Any) -> str:
    try:
        b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return "illegal base64 data"
    return ""


def _quantity(value: Any) -> str:
    try:
        quantity(value)
    except (ArithmeticError, ValueError):
        return QUANTITY
    return ""


def _time(value: Any) -> str:
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return f'parsing time "{value}" as "2006-01-02T15:04:05Z07:00": cannot parse'
    return ""


FORMS: dict[str, Callable[[Any], str]] = {"byte": _base64, "quantity": _quantity, "date-time": _time}
Rule = Callable[[Any, Any], bool]
BREAKS: dict[str, Rule] = {
    "enum": lambda value, allowed: value not in allowed,
    "pattern": lambda value, pattern: isinstance(value, str) and re.search(pattern, value) is None,
    "minimum": lambda value, least: isinstance(value, int | float) and value < least,
    "maximum": lambda value, most: isinstance(value, int | float) and value > most,
    "minLength": lambda value, least: isinstance(value, str) and len(value) < least,
    "maxLength": lambda value, most: isinstance(value, str) and len(value) > most,
    "minItems": lambda value, least: isinstance(value, list) and len(value) < least,
    "maxItems": lambda value, most: isinstance(value, list) and len(value) > most,
}
