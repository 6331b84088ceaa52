"""Images: every container runs the digest that was backed up, or the run's own."""

import pytest

from relight.config import Quarantine
from relight.errors import ImageNotPinned, RequestInvalid
from relight.recovery.transforms import Action
from tests.recovery.forms import image_of, restored
from tests.recovery.shop import (
    DIGEST,
    IMAGE,
    OTHER,
    app,
    backup,
    cronjob,
    deployment,
)


def test_a_tag_becomes_the_digest_that_the_backup_recorded() -> None:
    item = restored(deployment())["Deployment/web"]
    assert image_of(item) == IMAGE


def test_a_tag_without_a_recorded_digest_is_refused() -> None:
    item = restored(deployment("new", "registry.example/new:latest"))["Deployment/new"]
    assert item.action == Action.REFUSE and "no digest" in item.reason and item.object is None


def test_a_tag_is_accepted_where_the_app_is_marked_development() -> None:
    found = restored(deployment("new", "new:latest"), app=app(development=True, quarantine=Quarantine()))
    assert image_of(found["Deployment/new"]) == "new:latest"


def test_a_recorded_digest_of_another_image_is_not_taken() -> None:
    item = restored(deployment("web", "registry.example/other:2"))["Deployment/web"]
    assert item.action == Action.REFUSE


def test_a_recorded_digest_of_an_image_whose_name_only_ends_alike_is_not_taken() -> None:
    recorded = [{"workload": "Deployment/web", "container": "main", "ref": f"registry.example/workshop@{DIGEST}"}]
    item = restored(deployment("web", "shop:2"), backup=backup(images=recorded))["Deployment/web"]
    assert item.action == Action.REFUSE


def test_a_recorded_digest_in_the_registrys_full_name_is_taken() -> None:
    recorded = [{"workload": "deployment/web", "container": "main", "ref": f"docker.io/library/shop@{DIGEST}"}]
    found = restored(deployment("web", "shop:2"), backup=backup(images=recorded))
    assert image_of(found["Deployment/web"]) == f"docker.io/library/shop@{DIGEST}"


def test_the_runs_own_image_replaces_the_apps() -> None:
    mirror = f"mirror.example/shop@{OTHER}"
    found = restored(deployment(), cronjob(), deployment("db", f"postgres@{DIGEST}"), image_ref=mirror)
    assert image_of(found["Deployment/web"]) == mirror
    assert image_of(found["Deployment/db"]) == f"postgres@{DIGEST}"


def test_the_runs_own_image_must_be_a_digest() -> None:
    with pytest.raises(ImageNotPinned, match="is a tag"):
        restored(deployment(), image_ref="registry.example/shop:2")


def test_the_runs_own_image_must_mean_a_container() -> None:
    with pytest.raises(RequestInvalid, match="replaces no image"):
        restored(deployment(), deployment("db", f"postgres@{DIGEST}"), image_ref=f"nginx@{OTHER}")
