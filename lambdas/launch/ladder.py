"""The launch ladder: each instance type in each subnet, best first. A rung is one of these pairs."""

import time
from dataclasses import dataclass

from relight.adapters.compute import Compute, Instance, client_token
from relight.errors import CapacityUnavailable
from relight.model import PlanRef, Run, Runner, Tag
from relight.settings import FunctionSettings
from relight.times import from_epoch, lifetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Ladder:
    compute: Compute
    settings: FunctionSettings
    run: Run

    def rungs(self) -> list[tuple[str, str]]:
        """(instance type, subnet), best first."""
        return [(kind, subnet) for kind in self.settings.instance_types for subnet in self.settings.subnets]

    def clear(self, former: Runner | None, rung: int) -> None:
        """Terminates what this launch replaces: the former runner of the lease, and the run's own on earlier rungs."""
        mine = self._mine()
        going = {one.instance_id for one in mine if one.live and _rung(one) < rung}
        kept = {one.instance_id for one in mine if _rung(one) >= rung}
        if former and former.instance_id not in kept:
            going.add(former.instance_id)
        self.compute.terminate(sorted(going))

    def climb(self, first: int, plan: PlanRef) -> Runner:
        """The run's runner: an earlier try's, or a new one. Raises CapacityUnavailable when no rung has any."""
        full: list[str] = []
        known = {_rung(one): one for one in self._mine() if one.live}
        for rung, (kind, subnet) in list(enumerate(self.rungs()))[first:]:
            try:
                return self._runner(known.get(rung) or self._launch(rung, kind, subnet, plan), rung)
            except CapacityUnavailable as error:
                full.append(str(error).split("; ")[0])
        raise CapacityUnavailable(f"no rung from {first} on has capacity ({'; '.join(full)}); trying again a little later")

    def _mine(self) -> list[Instance]:
        return self.compute.find({Tag.NAME: self.settings.name, Tag.RUN: self.run.run_id})

    def _launch(self, rung: int, kind: str, subnet: str, plan: PlanRef) -> Instance:
        expires = int(time.time()) + (self.settings.runner_hold or lifetime(plan.deadlines))
        tags = {
            Tag.NAME: self.settings.name,
            Tag.RUN: self.run.run_id,
            Tag.APP: self.run.app,
            Tag.MODE: self.run.mode.value,
            Tag.RUNG: str(rung),
            Tag.EXPIRES: str(expires),
            "Name": f"{self.settings.name}-{self.run.app}-{self.run.mode.value}",
        }
        return self.compute.launch(
            self.settings.launch_template,
            instance_type=kind,
            subnet=subnet,
            tags={str(name): value for name, value in tags.items()},
            client_token=client_token(self.run.run_id, rung),
        )

    def _runner(self, instance: Instance, rung: int) -> Runner:
        return Runner(
            instance_id=instance.instance_id,
            principal=f"{self.settings.runner_role_id}:{instance.instance_id}",
            instance_type=instance.instance_type,
            zone=instance.zone,
            rung=rung,
            launched_at=instance.launched_at,
            expires_at=from_epoch(instance.expires_at or int(time.time())),
        )


def _rung(instance: Instance) -> int:
    text = instance.tags.get(Tag.RUNG, "")
    return int(text) if text.isdigit() else -1
