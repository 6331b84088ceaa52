"""The catalog of backups, in the one table: an entry a backup, and the marks, which move by compare-and-swap alone."""

from relight.adapters.calls import Refused
from relight.adapters.items import Item, Items
from relight.model import CatalogEntry, Mark, MarkName, PassedDrill, decode, encode

ENTRY = "backup#"


class Catalog(Items):
    """Every write may be repeated without changing anything twice."""

    def entries(self, app: str) -> list[CatalogEntry]:
        return [decode(item, CatalogEntry) for item in self._query(f"app#{app}", ENTRY)]

    def entry(self, app: str, backup_id: str) -> CatalogEntry | None:
        item = self._get(f"app#{app}", ENTRY + backup_id)
        return decode(item, CatalogEntry) if item else None

    def note_audit(self, found: CatalogEntry) -> None:
        """What an audit found, with what names the backup; its proof is not touched."""
        self._note(found, {"audit": encode(found.audit), "checked_at": found.checked_at})

    def note_proof(self, found: CatalogEntry) -> None:
        """What a run proved, with what names the backup; its audit is not touched, and need not have been yet."""
        self._note(found, {"proven_by": found.proven_by, "proven_at": found.proven_at})

    def _note(self, found: CatalogEntry, fields: Item) -> None:
        named = {"app": found.app, "backup_id": found.backup_id, "uri": found.uri, "created_at": found.created_at}
        self._update(f"app#{found.app}", ENTRY + found.backup_id, {**named, **fields})

    def note_drill(self, app: str, passed: PassedDrill) -> None:
        """The last drill that passed; one that began earlier, and is told later, changes nothing."""
        newer = "attribute_not_exists(pk) OR began_at <= :began"
        self._try(f"app#{app}", "drill", encode(passed), newer, {":began": passed.began_at})

    def drill(self, app: str) -> PassedDrill | None:
        item = self._get(f"app#{app}", "drill")
        return decode(item, PassedDrill) if item else None

    def mark(self, app: str, name: MarkName) -> Mark | None:
        item = self._get(f"app#{app}", name.value)
        return decode(item, Mark) if item else None

    def move(self, app: str, name: MarkName, to: Mark | None, seen: Mark | None) -> bool:
        """Moves the mark, or removes it, if it still is what was ``seen``. False when somebody else moved it meanwhile."""
        condition = "backup_id = :seen AND moved_at = :at" if seen else "attribute_not_exists(pk)"
        values = {":seen": seen.backup_id, ":at": seen.moved_at} if seen else {}
        try:
            if to:
                self._update(f"app#{app}", name.value, encode(to), condition, values)
            elif seen:
                self._delete(f"app#{app}", name.value, condition, values)
        except Refused:
            return False
        return True
