"""A pinned download is what its digest says, or it is not there at all."""

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from infra.fetch import fetch, main
from relight.errors import DownloadFailed
from tests.infra.conftest import ROOT

K3S = b"a cluster in a file"
DIGEST = hashlib.sha256(K3S).hexdigest()


@pytest.fixture
def release(tmp_path: Path) -> Path:
    path = tmp_path / "k3s-arm64"
    path.write_bytes(K3S)
    return path


def test_a_download_with_the_right_digest_is_kept(tmp_path: Path, release: Path) -> None:
    kept = fetch(release.as_uri(), DIGEST, tmp_path / "cache")
    assert kept.read_bytes() == K3S
    release.unlink()
    assert fetch(release.as_uri(), DIGEST, tmp_path / "cache") == kept


def test_a_download_with_another_digest_is_refused_and_leaves_nothing(tmp_path: Path, release: Path) -> None:
    with pytest.raises(DownloadFailed, match=f"its sha256 is {DIGEST}, not {'0' * 64}"):
        fetch(release.as_uri(), "0" * 64, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_cached_file_that_was_changed_is_fetched_again(tmp_path: Path, release: Path) -> None:
    kept = fetch(release.as_uri(), DIGEST, tmp_path / "cache")
    kept.write_bytes(b"something else")
    assert fetch(release.as_uri(), DIGEST, tmp_path / "cache").read_bytes() == K3S


@pytest.mark.parametrize("url", ["http://example.com/k3s", "ftp://example.com/k3s", "k3s"])
def test_only_https_is_trusted_with_a_download(tmp_path: Path, url: str) -> None:
    with pytest.raises(DownloadFailed, match="neither https:// nor file://"):
        fetch(url, DIGEST, tmp_path)


def test_the_command_says_in_one_line_what_went_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    missing = (tmp_path / "nothing").as_uri()
    assert main([missing, DIGEST]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"relight: {missing}: cannot be read")
    assert len(said.err.splitlines()) == 1
    assert main([]) == 2


def test_the_command_runs_on_a_bare_interpreter() -> None:
    command = [sys.executable, "-S", "-m", "infra.fetch"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert "usage:" in done.stderr
