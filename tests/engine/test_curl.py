"""On a machine without curl the user data's requests work all the same: signed, checked, its secrets never arguments."""

import subprocess
import sys
from pathlib import Path

import pytest

from relight.local.engine import Engine
from relight.local.instances import curl
from tests.engine.conftest import Account, unique

pytestmark = pytest.mark.engine

EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def run(*words: str, config: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(Path(curl.__file__)), *words]
    return subprocess.run(command, input=config, capture_output=True, text=True, timeout=30, check=False)


def test_it_fetches_a_private_object_with_a_signature(aws: Account, engine: Engine, tmp_path: Path) -> None:
    bucket = unique("artifacts")
    aws.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    aws.s3.put_object(Bucket=bucket, Key="agent/bundle.zip", Body=b"the agent")
    keys = engine.environment()
    secret = f'user = "{keys["AWS_ACCESS_KEY_ID"]}:{keys["AWS_SECRET_ACCESS_KEY"]}"\n'
    flags = [
        "-sSf",
        "--retry",
        "1",
        "--config",
        "-",
        "--aws-sigv4",
        "aws:amz:eu-central-1:s3",
        "-H",
        f"x-amz-content-sha256: {EMPTY}",
    ]
    url, target = f"{engine.endpoint}/{bucket}/agent/bundle.zip", tmp_path / "bundle.zip"
    done = run(*flags, "-o", str(target), url, config=secret)
    assert (done.returncode, done.stderr) == (0, "")
    assert target.read_bytes() == b"the agent"
    assert "content-length: 9\n" in run(*flags, "-I", url, config=secret).stdout.lower()
    assert run(*flags, "-r", "4-6", url, config=secret).stdout == "age"
    wrong = run(*flags, "-o", str(tmp_path / "none"), url, config=secret.replace(":", ":wrong"))
    assert wrong.returncode == curl.REFUSED
    assert not (tmp_path / "none").exists()


def test_it_says_when_nobody_answers(engine: Engine) -> None:
    done = run("-sf", "--max-time", "2", "http://127.0.0.1:1/latest/api/token")
    assert done.returncode == curl.UNREACHABLE
    assert "127.0.0.1" in done.stderr


def test_it_reports_the_status_when_asked(engine: Engine) -> None:
    done = run("-s", "-o", "/dev/null", "-w", "%{http_code}\\n", f"{engine.endpoint}/_ministack/health")
    assert done.stdout == "200\n"
