"""The secret scan: no tracked file holds a credential. Run as ``python -m tests.secret_scan``; exit status 1 on a finding.

Lock files are left out: their digests are high-entropy by nature. A line that must look like a secret (a test's hostile
input) says so with ``pragma: allowlist secret``.
"""

import re
import subprocess
import sys
from pathlib import Path

from detect_secrets import SecretsCollection
from detect_secrets.plugins.base import RegexBasedDetector
from detect_secrets.settings import transient_settings

ROOT = Path(__file__).parent.parent
LEFT_OUT = ("requirements.lock", "infra/locks/")
# Entropy detectors are left out: every pinned digest would be a finding. What has a known shape is found.
DETECTORS = [
    "AWSKeyDetector",
    "AzureStorageKeyDetector",
    "BasicAuthDetector",
    "GitHubTokenDetector",
    "JwtTokenDetector",
    "NpmDetector",
    "PrivateKeyDetector",
    "SlackDetector",
    "StripeDetector",
]


class TaskTokenDetector(RegexBasedDetector):
    """Step Functions' task tokens: long base64 with a fixed head. Whoever has one ends the task, be it an approval."""

    secret_type = "Task Token"
    denylist = (re.compile(r"AAAAKgAAAAIAAA[A-Za-z0-9+/=]{20,}"),)


def tracked_files(root: Path = ROOT) -> list[str]:
    command = ["git", "-C", str(root), "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return [name for name in names if not name.startswith(LEFT_OUT) and (root / name).is_file()]


def scan(paths: list[str]) -> list[str]:
    """One line a finding: file, line and what it looks like; never the secret itself."""
    ours = {"name": TaskTokenDetector.__name__, "path": Path(__file__).as_uri()}
    with transient_settings({"plugins_used": [*({"name": name} for name in DETECTORS), ours]}):
        found = SecretsCollection()
        for path in paths:
            found.scan_file(path)
        return [f"{path}:{secret.line_number}: looks like: {secret.type}" for path, secret in found]


def main() -> int:
    findings = scan([str(ROOT / name) for name in tracked_files()])
    print("\n".join(findings) or "no secrets found")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
