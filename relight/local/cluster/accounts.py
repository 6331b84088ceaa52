"""Who asks, and what RBAC lets them: the kubeconfig's token may do everything, a pod's what is bound to its account."""

import secrets
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from hmac import compare_digest
from pathlib import Path
from typing import Any

import msgspec

from relight.local.cluster import refusals
from relight.local.cluster.requests import Target
from relight.local.cluster.store import Store

Obj = dict[str, Any]
VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch"}
RBAC = "rbac.authorization.k8s.io"


@dataclass(frozen=True, slots=True)
class Account:
    namespace: str
    name: str

    @property
    def user(self) -> str:
        return f"system:serviceaccount:{self.namespace}:{self.name}"

    @property
    def groups(self) -> tuple[str, ...]:
        return ("system:serviceaccounts", f"system:serviceaccounts:{self.namespace}", "system:authenticated")


@dataclass(frozen=True, slots=True)
class Ask:
    """A request as RBAC sees it. A namespace itself is asked for within itself."""

    verb: str
    group: str
    resource: str
    namespace: str
    name: str

    @classmethod
    def of(cls, method: str, where: Target, watch: bool = False) -> "Ask":
        reads = "watch" if watch else "get" if where.name else "list"
        deletes = "delete" if where.name else "deletecollection"
        verb = {"GET": reads, "DELETE": deletes}.get(method) or VERBS.get(method, method.lower())
        resource = f"{where.resource.plural}/{where.subresource}" if where.subresource else where.resource.plural
        home = where.name if where.resource.key == "namespaces" else where.namespace
        return cls(verb, where.resource.group, resource, home, where.name)

    def __str__(self) -> str:
        scope = f'in the namespace "{self.namespace}"' if self.namespace else "at the cluster scope"
        return f'cannot {self.verb} resource "{self.resource}" in API group "{self.group}" {scope}'


class Accounts:
    """``record``: each request of an account, a JSON line: user, verb, group, resource, namespace, name, allowed."""

    def __init__(self, store: Store, record: Path) -> None:
        self.store, self.record = store, record
        self.root = secrets.token_urlsafe(32)
        self._tokens: dict[Account, str] = {}

    def token(self, namespace: str, name: str) -> str:
        """What a pod of the account finds in its projected volume, for as long as this cluster runs."""
        return self._tokens.setdefault(Account(namespace, name), secrets.token_urlsafe(32))

    def who(self, token: str) -> Account | None:
        """None: whoever holds the kubeconfig. Raises Refusal (401) for a token of nobody."""
        if compare_digest(token.encode(), self.root.encode()):
            return None
        for account, known in self._tokens.items():
            if compare_digest(token.encode(), known.encode()):
                return account
        raise refusals.unauthorized()

    def authorize(self, account: Account | None, ask: Ask) -> None:
        """Raises Refusal (403). Discovery is no question here: every account may."""
        if account is None:
            return
        allowed = any(_allows(rule, ask) for rule in self._rules(account, ask.namespace))
        with self.record.open("ab") as out:
            out.write(msgspec.json.encode({"user": account.user, **asdict(ask), "allowed": allowed}) + b"\n")
        if not allowed:
            raise refusals.forbidden(ask.resource, ask.group, ask.name, f'User "{account.user}" {ask}')

    def _rules(self, account: Account, namespace: str) -> Iterator[Obj]:
        bindings = list(self.store.objects(f"clusterrolebindings.{RBAC}"))
        bindings += self.store.objects(f"rolebindings.{RBAC}", namespace) if namespace else []
        for binding in bindings:
            if any(_names(subject, account) for subject in binding.get("subjects") or ()):
                kind, name = binding["roleRef"]["kind"], binding["roleRef"]["name"]
                home = binding["metadata"].get("namespace", "") if kind == "Role" else ""
                role = self.store.get(f"{kind.lower()}s.{RBAC}", home, name)
                yield from (role or {}).get("rules") or ()


def _names(subject: Obj, account: Account) -> bool:
    if subject["kind"] == "ServiceAccount":
        return bool((subject.get("namespace"), subject["name"]) == (account.namespace, account.name))
    return subject["name"] in ((account.user,) if subject["kind"] == "User" else account.groups)


def _allows(rule: Obj, ask: Ask) -> bool:
    names = rule.get("resourceNames")
    return (
        not {ask.verb, "*"}.isdisjoint(rule["verbs"])
        and not {ask.group, "*"}.isdisjoint(rule.get("apiGroups") or ())
        and not {ask.resource, "*"}.isdisjoint(rule.get("resources") or ())
        and (not names or ask.name in names)
    )
