"""ResourceQuotas: how much of each is used."""

from collections.abc import Iterable
from typing import Any

from relight.local.cluster import quotas
from relight.local.cluster.controllers.base import Controller, Name, itself, name_of

Obj = dict[str, Any]


class Quotas(Controller):
    """Looks again when something of its namespace comes or goes that quotas count by name."""

    def __init__(self, api: Any) -> None:
        super().__init__(api)
        self.watches = {**dict.fromkeys(quotas.COUNTED, self._of_namespace), quotas.QUOTAS: itself}

    def _of_namespace(self, obj: Obj) -> Iterable[Name]:
        return [name_of(one) for one in self.store.objects(quotas.QUOTAS, obj["metadata"]["namespace"])]

    def reconcile(self, namespace: str, name: str) -> float | None:
        quota = self.current(quotas.QUOTAS, namespace, name)
        if quota is not None:
            hard, total = quota["spec"].get("hard") or {}, quotas.used(self.store, namespace)
            status = {"hard": hard, "used": {one: quotas.written(total.get(one, quotas.NONE)) for one in hard}}
            self.api.set_status(quotas.QUOTAS, quota, status)
        return None
