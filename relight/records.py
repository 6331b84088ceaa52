"""Records are of two kinds: dataclasses, and msgspec's structs where every start of a function makes the class."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataclasses import replace as replace  # mypy holds the fields of both kinds against it
else:
    import dataclasses

    from msgspec import Struct, structs

    def replace(record, /, **changes):
        """A copy with some fields changed. Raises TypeError for a field that there is not."""
        return (structs if isinstance(record, Struct) else dataclasses).replace(record, **changes)
