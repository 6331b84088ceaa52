"""``output``: what the app's job published is there, is new, and is what it should be.

The file lies in a claim. It must be newer than the restore (``newer = false`` drops that), parse as ``format`` (json, jsonl
or csv), fit ``schema`` (JSON Schema; each row's, for jsonl and csv), and have between ``least`` and ``most`` rows.
"""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from relight.config import Validator
from relight.model import Verdict
from relight.recovery.patience import Deadline
from relight.recovery.validators.claims import NotReadable, file_in
from relight.recovery.validators.context import Finding, ValidationContext
from relight.recovery.validators.sql import outside
from relight.times import from_epoch
from relight.words import many

LARGEST = 256 * 2**20


class Misfit(Exception):
    """What is wrong with the output, in words."""


class Late(Exception):
    """The deadline passed while reading."""


def check(validator: Validator, context: ValidationContext, deadline: Deadline) -> Finding:
    try:
        file = file_in(context, validator.claim or "", validator.path or "")
        evidence = _judged(file, validator, context, deadline)
    except NotReadable as error:
        return Finding(Verdict.COULD_NOT_VERIFY, str(error))
    except Late:
        return Finding(Verdict.TIMED_OUT, f"{validator.path} could not be read within {validator.deadline} s")
    except Misfit as error:
        return Finding(Verdict.FAILED, f"{validator.path} {error}")
    return Finding(Verdict.PASSED, f"{validator.path} is new and as expected: {many(evidence['rows'], 'row')}", evidence)


def _judged(file: Path, validator: Validator, context: ValidationContext, deadline: Deadline) -> dict[str, Any]:
    if not file.is_file():
        raise Misfit(f"of claim {validator.claim} is not there")
    stat = file.stat()
    if validator.newer and stat.st_mtime < context.restored_at:
        raise Misfit(f"is of {from_epoch(int(stat.st_mtime))}, older than the restore: nothing published it since")
    if stat.st_size > LARGEST:
        raise NotReadable(f"{validator.path} has {stat.st_size} bytes, more than this check reads ({LARGEST})")
    rows = _rows(file, validator, deadline)
    if wrong := outside(rows, validator):
        raise Misfit(f"has {many(rows, 'row')}: {wrong}")
    return {"rows": rows, "bytes": stat.st_size, "modified_at": from_epoch(int(stat.st_mtime))}


def _rows(file: Path, validator: Validator, deadline: Deadline) -> int:
    """How many rows there are, each checked: a JSON document that is no array is one. Raises Misfit and Late."""
    fits, count = _fits(validator.schema), 0
    whole = validator.format == "json"
    try:
        for item in _documents(file, validator.format):
            fits(item, "" if whole else f"row {count + 1}: ")
            count += len(item) if whole and isinstance(item, list) else 1
            if deadline.passed:
                raise Late
    except (ValueError, csv.Error) as error:
        raise Misfit(f"is no {validator.format}: {error}") from None
    return count


def _documents(file: Path, form: str) -> Iterator[Any]:
    with file.open(encoding="utf-8", newline="") as text:
        if form == "json":
            yield json.load(text)
        elif form == "csv":
            yield from csv.DictReader(text, strict=True)
        else:
            yield from (json.loads(line) for line in text if line.strip())


def _fits(schema: dict[str, Any]) -> Any:
    """A function that raises Misfit for a document that does not fit. Raises NotReadable for a schema that is none."""
    import fastjsonschema  # only where an app has such a check

    try:
        validate = fastjsonschema.compile(schema or {})
    except fastjsonschema.JsonSchemaDefinitionException as error:
        raise NotReadable(f"its schema in relight.toml is no JSON Schema: {error}") from None

    def fits(item: Any, where: str) -> None:
        try:
            validate(item)
        except fastjsonschema.JsonSchemaValueException as error:
            raise Misfit(f"does not fit its schema: {where}{error.message}") from None

    return fits
