"""An interrupt reaches a command also where Python swallows exceptions, and says nothing of it."""

import subprocess
import sys

import pytest

SWALLOWED = """
import os, signal, time
from relight.cli import interrupts

class Fragile:
    def __del__(self):
        os.kill(os.getpid(), signal.{name})
        time.sleep(0.1)

interrupts.heed()
try:
    Fragile()
    time.sleep(30)
except KeyboardInterrupt:
    interrupts.ignore()
    os.kill(os.getpid(), signal.{name})
    time.sleep(1.5)
    print("cleaned up")
"""


@pytest.mark.slow
def test_an_interrupt_that_a_destructor_swallows_comes_again_and_cleaning_up_is_left_in_peace() -> None:
    for name in ("SIGINT", "SIGTERM"):
        found = subprocess.run(
            [sys.executable, "-c", SWALLOWED.format(name=name)], capture_output=True, text=True, timeout=20
        )
        assert (found.returncode, found.stdout, found.stderr) == (0, "cleaned up\n", "")
