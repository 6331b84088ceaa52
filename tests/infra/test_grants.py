"""Which objects a grant reaches follows the app's configuration, however a person wrote it."""

from dataclasses import replace

import pytest

from infra import node  # noqa: F401  # before aws_cdk
from relight.config import Config, PromoteAction, Signal
from relight.configfile import load
from tests.infra.conftest import ROOT

pytestmark = pytest.mark.slow
GIVEN = load(ROOT / "relight.toml")


def reached(name: str, **changed: object) -> list[str]:
    from infra.resources import Resources

    config: Config = replace(GIVEN, apps=(replace(GIVEN.apps[0], **changed),))  # type: ignore[arg-type]
    return [arn.partition(":s3:::")[2] for arn in Resources(config=config).arns(name)]


def test_every_function_has_its_row_of_grants_and_no_other_row_is_left() -> None:
    from infra.functions import SPECS
    from infra.grants import FUNCTIONS

    assert set(FUNCTIONS) == set(map(str, SPECS))


@pytest.mark.parametrize("storage", ["s3://shop/prod", "s3://shop/prod/"])
def test_slashes_at_the_seam_make_no_difference(storage: str) -> None:
    assert reached("backups", storage=storage) == ["shop/prod/backups/*"]
    assert reached("storage buckets", storage=storage) == ["shop"]
    action = PromoteAction(name="site", kind="pointer", key="/site/active.json")
    assert reached("promote pointers", storage=storage, promote=(action,)) == ["shop/prod/site/active.json"]


def test_the_root_of_a_bucket_can_be_an_apps_storage() -> None:
    assert reached("backups", storage="s3://shop") == ["shop/backups/*"]


def test_an_app_without_pointers_lets_nobody_write() -> None:
    assert reached("promote pointers", promote=()) == []


def test_backups_are_looked_into_by_the_probe_only_where_their_age_is_a_signal() -> None:
    assert reached("metadata of backups") == []
    age = Signal(name="age", kind="backup_age")
    assert reached("metadata of backups", signals=(age,)) == ["relight-sample/sample/backups/*/metadata.json"]


def test_every_grant_names_a_resource_and_a_condition_that_exist() -> None:
    from infra.grants import FUNCTIONS, RUNNER
    from infra.resources import CONDITIONS, NAMED

    for grant in (*RUNNER, *(one for grants in FUNCTIONS.values() for one in grants)):
        assert grant.on in NAMED
        assert grant.only in CONDITIONS
        assert len(grant.why) > 10
