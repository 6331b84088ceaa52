"""Numbers as a person reads them, the same on every screen and page."""

# how a page shows a word of the domain: the word says it, its colour only repeats it
GOOD = "PASSED passed Healthy Succeeded COMPLETE approved ok met done yes healthy well"
BAD = "FAILED TIMED_OUT failed Failed PARTIAL missed no unhealthy refused sick silent gone"
CARE = "COULD_NOT_VERIFY warning could_not_verify Held Rejected rejected Expired Preempted unknown"
MOODS = {word: mood for mood, words in (("good", GOOD), ("bad", BAD), ("care", CARE)) for word in words.split()}
MOODS |= dict.fromkeys(("could not be read", "could not verify", "not watched", "waits for a decision"), "care")

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


def many(count: int, noun: str) -> str:
    """``1 run``, ``3 runs``."""
    return f"{count} {noun}{'s' * (count != 1)}"


def counts(by_fate: dict[str, int]) -> str:
    """``3 created, 1 skipped``: what there is none of is left out."""
    return ", ".join(f"{number} {fate}" for fate, number in sorted(by_fate.items()) if number) or "none"


def when(stamp: str | None) -> str:
    """``2026-11-23T03:00:07.482Z`` as ``2026-11-23 03:00:07 UTC``."""
    if not stamp:
        return "a time that nobody noted"
    return f"{stamp[:10]} {stamp[11:19]} UTC"


def attempt(number: int) -> str:
    """A phase's attempt: ``rung 2, try 3``; nothing for the first try of the first rung."""
    rung, tried = divmod(number, A_RUNG)
    return ", ".join([f"rung {rung + 1}"] * bool(rung) + [f"try {tried + 1}"] * bool(tried))


def whole(seconds: float) -> str:
    """The duration of a phase, whose times are whole seconds."""
    return duration(seconds).replace(".0 s", " s") if seconds else "less than 1 s"


def mood(word: object) -> str:
    """good, bad, care, or nothing for a word that is neither."""
    return MOODS.get(str(word), "")
