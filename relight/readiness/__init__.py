"""Whether a recovery would work now, told without a run: ``checks.evaluate`` judges ``facts`` that others read."""
