"""A backup whose process is killed in the middle of its upload."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from relight.adapters.parts import Uploads
from relight.backup import upload
from relight.backup.unfinished import unfinished
from relight.backup.upload import Sender
from relight.backup.verify import verify
from relight.backup.writer import write_backup
from tests.backup.conftest import STORAGE, URI, restored, snapshot, source
from tests.stub_bucket import Bucket
from tests.stub_uploads import serving, store_of
from tests.support import eventually

WRITER = """
import sys
from pathlib import Path
from tests.backup.conftest import URI, source
from tests.stub_uploads import store_of
from relight.backup.writer import write_backup
write_backup(store_of(sys.argv[1]), URI, source({("shop", "data"): Path(sys.argv[2])}))
"""


@pytest.mark.slow
def test_a_backup_that_was_killed_in_the_middle_goes_on_where_it_was(volume: Path, tmp_path: Path) -> None:
    (volume / "noise").write_bytes(os.urandom(100 * 2**20))
    bucket = Bucket(pace=0.4)
    with serving(bucket) as url:
        store = store_of(url)
        writer = subprocess.Popen([sys.executable, "-c", WRITER, url, str(volume)])
        eventually(lambda: any(len(one.parts) >= 3 for one in bucket.uploads.values()), "three parts are there", 60)
        writer.send_signal(signal.SIGKILL)
        assert writer.wait(10) == -signal.SIGKILL
        (left,) = unfinished(store, STORAGE)
        there = Uploads(store).parts(left.uploads[0])
        bucket.asked.clear()
        bucket.pace = 0.0
        sender = Sender(store, resume=True)
        write_backup(store, URI, source({("shop", "data"): volume}), sender)
        assert sender.tally.kept and sum(sender.tally.kept) >= sum(part.size for part in there.values()) >= 3 * upload.PART
        stored = sum(one.size for one in store.list(f"{URI}/") if not one.uri.endswith("/metadata.json"))
        assert sum(sender.tally.kept) + sum(sender.tally.sent) == stored  # nothing was sent that was there
        assert verify(store, URI, deep=True) == []
        assert snapshot(restored(store, tmp_path / "target")) == snapshot(volume)
