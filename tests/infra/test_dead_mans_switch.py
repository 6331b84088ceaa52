"""The dead man's switch, as the boot installs it: whatever happens to its file, the clock or the agent, a runner ends."""

import shutil
import subprocess
import time
from pathlib import Path

import pytest

from tests.infra.machine import boot, cloud, tool

pytestmark = pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
PAST, FUTURE = -1, 3600  # seconds from now
ONE_TURN = "kill $PPID"  # what sleep does: the switch has decided when it goes to sleep


def pulls(folder: Path, content: str | None, limit: int, sleep: str = ONE_TURN, date: str = 'exec /bin/date "$@"') -> bool:
    """Whether the switch powers the machine off; ``content`` is what the expiry file holds."""
    runner, expiry, log = boot(folder, cloud()), folder / "expiry", folder / "systemctl.log"
    log.unlink()
    if content is not None:
        expiry.write_text(content, encoding="utf-8")
    tool(folder / "tools/sleep", sleep)
    tool(folder / "tools/date", date)
    command = ["bash", runner.disk / "usr/local/lib/relight/deadman.sh", expiry, str(limit)]
    environment = {"PATH": f"{folder}/tools:/usr/bin:/bin"}
    subprocess.run(command, env=environment, capture_output=True, timeout=60, check=False)
    return log.exists() and "poweroff" in log.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("content", "limit", "pulled"),
    [
        pytest.param(PAST, FUTURE, True, id="a lease that ran out"),
        pytest.param(FUTURE, PAST, False, id="a lease that was extended past the hold"),
        pytest.param(FUTURE, FUTURE, False, id="all is well"),
        pytest.param("", PAST, True, id="an empty file past the hold"),
        pytest.param(None, PAST, True, id="no file past the hold"),
        pytest.param("never", PAST, True, id="garbage never extends a life"),
        pytest.param("9" * 30, PAST, True, id="nor does a number beyond all times"),
    ],
)
def test_the_switch_goes_by_the_last_lease_that_can_be_read(
    tmp_path: Path, content: int | str | None, limit: int, pulled: bool
) -> None:
    now = int(time.time())
    written = str(now + content) if isinstance(content, int) else content
    assert pulls(tmp_path, written, now + limit) is pulled


def test_a_clock_that_is_set_back_lengthens_no_life(tmp_path: Path) -> None:
    now = int(time.time())
    set_back = f"[ -e {tmp_path}/back ] && echo {now - FUTURE} || echo {now}; touch {tmp_path}/back"
    until_off = f"[ -e {tmp_path}/systemctl.log ] && kill $PPID; exec /bin/sleep 0.1"
    assert pulls(tmp_path, None, now + 1, sleep=until_off, date=set_back)
