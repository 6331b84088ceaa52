"""Numbers as a person reads them, the same on every screen and page."""

A_RUNG = 10  # attempts that each rung of the launch ladder counts


def duration(seconds: float) -> str:
    """``0.4 s``, ``12 s``, ``3 min 05 s``, ``2 h 10 min``, ``4 d 3 h``."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes_left = divmod(minutes, 60)
    if hours >= 48:
        return f"{hours // 24} d {hours % 24} h"
    return f"{hours} h {minutes_left:02} min" if hours else f"{minutes} min {rest:02} s"


def size(count: int) -> str:
    """Bytes: ``0 B``, ``412 B``, ``1.9 MB``."""
    for power, unit in ((4, "TB"), (3, "GB"), (2, "MB"), (1, "kB")):
        if count >= 1000**power:
            return f"{count / 1000**power:.1f} {unit}"
    return f"{count} B"


def counts(by_fate: dict[str, int]) -> str:
    """``3 created, 1 skipped``: what there is none of is left out."""
    return ", ".join(f"{number} {fate}" for fate, number in sorted(by_fate.items()) if number) or "none"


def attempt(number: int) -> str:
    """A phase's attempt: ``rung 2, try 3``; nothing for the first try of the first rung."""
    rung, tried = divmod(number, A_RUNG)
    return ", ".join([f"rung {rung + 1}"] * bool(rung) + [f"try {tried + 1}"] * bool(tried))
