"""The state machine's definition: the file under ``stepfunctions/``, and the names in it that synth fills in."""

import re
from pathlib import Path

from relight.errors import ConfigInvalid
from relight.model import Phase

ASL = Path(__file__).parent.parent / "stepfunctions" / "recovery.asl.json"


def substitutions(functions: dict[str, str]) -> dict[str, str]:
    """``{"detect_arn": ..., ...}`` for the phases among the functions."""
    return {f"{phase}_arn": functions[phase] for phase in Phase}


def definition(given: dict[str, str], path: Path = ASL) -> str:
    """The file's text. Raises ConfigInvalid when the names in it and the substitutions are not the same."""
    text = path.read_text(encoding="utf-8")
    wanted = set(re.findall(r"\$\{(\w+)\}", text))
    bare = set(re.findall(r'(?<!")\$\{(\w+)\}', text)) | set(re.findall(r'\$\{(\w+)\}(?!")', text))
    findings = [f"${{{name}}} has no substitution" for name in sorted(wanted - set(given))]
    findings += [f"${{{name}}} is given but not in the file" for name in sorted(set(given) - wanted)]
    findings += [f"${{{name}}} must be a whole quoted string" for name in sorted(bare)]
    if findings:
        raise ConfigInvalid(str(path.relative_to(path.parent.parent)), findings)
    return text
