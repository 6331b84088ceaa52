"""The runner's boot script with its values filled in."""

import re
from pathlib import Path

SCRIPT = Path(__file__).with_name("user_data.sh")
LIMIT = 16_384  # bytes; EC2 takes no more


def names() -> set[str]:
    """The values that the script wants."""
    return set(re.findall(r"@([A-Z0-9_]+)@", SCRIPT.read_text(encoding="utf-8")))


def render(values: dict[str, str]) -> str:
    """The script with each ``@NAME@`` replaced. Values may be CDK tokens. A missing or superfluous name is a ValueError."""
    if wrong := names() ^ set(values):
        raise ValueError(f"user_data.sh: {', '.join(sorted(wrong))} wanted or given, but not both")
    return re.sub(r"@([A-Z0-9_]+)@", lambda found: values[found[1]], SCRIPT.read_text(encoding="utf-8"))
