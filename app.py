"""The CDK app. ``python app.py --output DIR`` writes the templates; ``cdk deploy --all`` (see cdk.json) deploys them."""

import argparse
import sys
from pathlib import Path

from infra.bundling import WHEELS
from relight.configfile import load
from relight.errors import TemplatesRefused, UserError

ROOT = Path(__file__).parent


def main() -> int:
    parser = argparse.ArgumentParser(description="Writes Relight's CloudFormation templates.")
    parser.add_argument("--output", type=Path, help="folder for templates and assets (default: the CDK CLI's choice)")
    parser.add_argument("--config", type=Path, default=ROOT / "relight.toml", help="default: %(default)s")
    parser.add_argument("--platform", choices=sorted(WHEELS), default="lambda", help="whose wheels the bundles hold")
    given = parser.parse_args()
    try:
        config = load(given.config)
        from infra import node  # noqa: F401  # before aws_cdk, which starts Node; both take seconds, a typo should not
        from infra.build import build
        from infra.checks import nag

        assembly = build(config, given.platform, given.output).synth()
        if found := nag(assembly):
            raise TemplatesRefused(found)
    except UserError as error:
        findings = getattr(error, "findings", [])
        print("\n".join([f"relight: {error}", *(f"  {one}" for one in findings)]), file=sys.stderr)
        return 2
    if given.output:
        print("\n".join(stack.template_full_path for stack in assembly.stacks))
    return 0


if __name__ == "__main__":
    sys.exit(main())
