"""What single values of metadata.json must be."""

import re
from base64 import b64decode
from typing import Any

from relight.model import moment


def is_text(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**63


def is_sha256(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[0-9a-f]{64}", value) is not None


def is_time(value: Any) -> bool:
    try:
        return isinstance(value, str) and moment(value) is not None
    except (ValueError, OverflowError):
        return False


def is_base64(value: Any) -> bool:
    try:
        return is_text(value) and bool(b64decode(value, validate=True))
    except ValueError:
        return False


def is_part(value: Any) -> bool:
    """A name that is one part of a path."""
    return isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}", value) is not None
