"""Kubernetes quantities (``500m``, ``10Gi``) as numbers."""

import re
from decimal import Decimal

SUFFIXES = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
BINARY = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}


def quantity(text: str | int | float) -> Decimal:
    """Raises ValueError for text that is not a quantity."""
    found = re.fullmatch(r"([+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?)([a-zA-Z]*)", str(text))
    if found is None or found[2] not in SUFFIXES | BINARY:
        raise ValueError(f"{text!r} is not a quantity such as 500m or 10Gi")
    factor = Decimal(1024) ** BINARY[found[2]] if found[2] in BINARY else Decimal(10) ** SUFFIXES[found[2]]
    return Decimal(found[1]) * factor
