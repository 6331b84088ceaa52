"""Every reading of a check, each on its own: one that cannot be made hides no other."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, TypeVar

from aws_lambda_powertools import Logger

from lambdas.check.material import Material
from relight.adapters import capacity, registry, rights, watchers
from relight.adapters.buckets import tells_eventbridge
from relight.adapters.catalog import Catalog
from relight.adapters.s3 import S3
from relight.adapters.table import Table
from relight.config import App
from relight.errors import RelightError
from relight.readiness import boot
from relight.readiness.facts import Drills, Facts, Held, Image, Offered, Pinned, Quota, Right, Subscribers, Trigger, Unread
from relight.recovery.platforms import architectures
from relight.recovery.sizes import standard, vcpus
from relight.settings import FunctionSettings

T = TypeVar("T")
THREADS = 8
log = Logger()


def attempt(read: Callable[[], T]) -> T | Unread:
    try:
        return read()
    except RelightError as error:
        return Unread(str(error))
    except Exception as error:  # an answer of another shape than AWS documents, or a fault of ours
        log.exception("not as expected")
        return Unread(f"the reading failed ({type(error).__name__}: {error}); the log of the check function has it")


@dataclass
class Reading:
    app: App
    settings: FunctionSettings
    store: S3
    at: datetime

    def facts(self) -> Facts:
        """All of them, read at once. Never raises for what cannot be read."""
        reads: dict[str, Callable[[], Any]] = {name: getattr(self, name) for name in READ}
        with ThreadPoolExecutor(THREADS, "check") as pool:
            pending = {name: pool.submit(attempt, read) for name, read in reads.items()}
            found = {name: one.result() for name, one in pending.items()}
        material = Material(self.app, self.store, self.settings.instance_types, Catalog(self.settings.table))
        backup = attempt(material.backup)
        planned = attempt(material.planned)
        images = attempt(lambda: self.images(material))
        return Facts(
            app=self.app,
            at=self.at,
            ladder=self.settings.instance_types,
            backup=backup,
            planned=planned,
            images=images,
            **found,
        )

    # ------------------------------------------------------------ the account
    def rights(self) -> tuple[Right, ...] | Unread:
        known = rights.needs(self.settings.name)
        if not known:
            return Unread(f"no parameter below /{self.settings.name}/permissions/ says what is needed; deploy this version")
        asked = [(one, need) for one in known for need in one.needs]
        with ThreadPoolExecutor(4, "rights") as pool:  # IAM throttles more
            answers = list(pool.map(lambda pair: tuple(rights.simulate(pair[0].role, pair[1])), asked))
        return tuple(
            Right(role=of.who, phase=of.phase, action=one.action, resource=one.resource, decision=one.decision)
            for (of, _), rows in zip(asked, answers, strict=True)
            for one in rows
        )

    def quota(self) -> Quota:
        used = sum(one.vcpus or vcpus(one.instance_type) or 0 for one in capacity.running() if standard(one.instance_type))
        return Quota(limit=capacity.vcpu_quota(), used=used)

    def offered(self) -> Offered:
        zones = capacity.zones(self.settings.subnets)
        return Offered(zones=zones, pairs=capacity.offered(self.settings.instance_types))

    @cached_property
    def _boot(self) -> capacity.Boot:
        return capacity.boot(self.settings.launch_template)

    def disk_gib(self) -> int:
        return self._boot.disk_gib

    def pinned(self) -> tuple[Pinned, ...] | Unread:
        found = boot.artifacts(self._boot.user_data, lambda uri: boot.digest(self.store, uri))
        return found or Unread("the launch template's boot script names no artifact; deploy this version")

    # ------------------------------------------------------------ the app
    def lease(self) -> Held:
        found = Table(self.settings.table).lease(self.app.name)
        if found is None or found.expired(self.at.timestamp()):
            return Held()
        return Held(run_id=found.run_id, mode=found.mode, promoted=found.promoted, held=found.held)

    def drills(self) -> Drills:
        return Drills(last=Catalog(self.settings.table).drill(self.app.name))

    def images(self, material: Material) -> tuple[Image, ...] | Unread:
        if material.planned().broken:
            return Unread("there is no plan to take them from")
        with ThreadPoolExecutor(THREADS, "images") as pool:
            seen = {ref: architectures(material.platforms, ref) for ref in material.planned().images}
            return tuple(pool.map(self._image, seen, seen.values()))

    def _image(self, ref: str, seen: frozenset[str]) -> Image:
        """What the registry says of it, and where the backup saw it run."""
        found = attempt(lambda: registry.look(ref, self.app.registries))
        if isinstance(found, Unread):
            return Image(ref=ref, there=None, seen=seen, why=found.why)
        return Image(ref=ref, there=found.there, architectures=found.architectures, seen=seen, why=found.why)

    # ------------------------------------------------------------ who watches and who hears
    def triggers(self) -> tuple[Trigger, ...]:
        found = watchers.armed(self.settings.name, self.app.name)
        return tuple(Trigger(name=one.name, armed=one.armed, arming=one.arming) for one in found)

    def subscribers(self) -> Subscribers:
        confirmed, pending = watchers.subscriptions(self.settings.topic)
        return Subscribers(confirmed=confirmed, pending=pending)

    def dead_letters(self) -> int:
        return watchers.waiting(f"{self.settings.name}-dead-letters")

    def bucket_events(self) -> bool:
        return tells_eventbridge(self.store, self.app.storage)

    def skew(self) -> float:
        return watchers.skew(self.settings.evidence_bucket)


READ = (
    *("rights", "quota", "offered", "disk_gib", "pinned", "lease", "drills"),
    *("triggers", "subscribers", "dead_letters", "bucket_events", "skew"),
)
