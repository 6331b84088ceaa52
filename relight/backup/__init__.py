"""The backup contract: write, read, verify. ``docs/contract.md`` is its text; writer and reader share every module here."""
