"""``python -m relight.cli``."""

from relight.cli.main import main

main()
