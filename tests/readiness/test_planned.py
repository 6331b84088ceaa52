"""What a real plan foretells reaches the checks: removed versions, missing CRDs, references, memory."""

from typing import Any

from relight.model import Mode
from relight.readiness.facts import Planned
from relight.readiness.records import Finding, State
from relight.recovery.context import BackupFacts, Recipe
from relight.recovery.plan import PlanInputs, make_plan
from tests.readiness.conftest import LADDER, REF, SHOP, Check


def planned(*manifests: dict[str, Any]) -> Planned:
    facts = BackupFacts(
        uri="s3://b/backups/b1",
        metadata_sha256="a" * 64,
        backup_id="b1",
        created_at="2026-11-25T03:00:00Z",
        namespace="shop",
    )
    recipe = Recipe(app=SHOP, backup=facts, manifests=list(manifests))
    return Planned.of(make_plan(PlanInputs(recipe=recipe, mode=Mode.INCIDENT, ladder=LADDER)), facts)


def obj(version: str, kind: str, **more: Any) -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": "one", "namespace": "shop"}, **more}


def deployment(memory: str = "64Mi", secret: str = "") -> dict[str, Any]:
    container: dict[str, Any] = {"name": "web", "image": REF, "resources": {"requests": {"memory": memory}}}
    if secret:
        container["envFrom"] = [{"secretRef": {"name": secret}}]
    labels = {"app": "web"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    return obj("apps/v1", "Deployment", spec={"replicas": 1, "selector": {"matchLabels": labels}, "template": template})


def bad(found: list[Finding]) -> list[tuple[State, str]]:
    return [(one.state, one.seen) for one in found if one.state is not State.PASSED]


def test_what_is_in_order_passes_and_its_images_are_known(check: Check) -> None:
    plan = planned(deployment())
    assert plan.images == (REF,)
    for name in ("manifests", "memory", "architecture"):
        assert bad(check(name, planned=plan)) == []


def test_a_removed_version_and_a_kind_without_its_crd_are_named(check: Check) -> None:
    plan = planned(obj("policy/v1beta1", "PodSecurityPolicy", spec={}), obj("shop.example.com/v1", "Widget", spec={}))
    found = bad(check("manifests", planned=plan))
    assert {state for state, _ in found} == {State.FAILED}
    assert any("PodSecurityPolicy" in seen for _, seen in found)
    assert any("Widget" in seen and "its CRD is neither there nor in the backup" in seen for _, seen in found)


def test_a_secret_that_nobody_restores_is_a_warning(check: Check) -> None:
    ((state, seen),) = bad(check("manifests", planned=planned(deployment(secret="keys"))))
    assert state is State.WARNING
    assert "keys" in seen


def test_pods_that_ask_for_more_than_any_rung_has_fail(check: Check) -> None:
    ((state, seen),) = bad(check("memory", planned=planned(deployment(memory="64Gi"))))
    assert (state, "65536 MiB" in seen) == (State.FAILED, True)


def test_a_claim_that_asks_for_more_than_the_disk_fails_in_plan(check: Check) -> None:
    claim = obj("v1", "PersistentVolumeClaim", spec={"resources": {"requests": {"storage": "50Gi"}}})
    (found,) = check("disk", planned=planned(claim), disk_gib=40)
    assert (found.state, found.phase) == (State.FAILED, "plan")
    assert "asks for (50.0 GiB)" in found.seen
