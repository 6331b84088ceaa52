"""A person's relight.toml: every fault is named with its path, all at once; a good one loads."""

import copy
from pathlib import Path
from typing import Any

import pytest

from relight import configfile
from relight.errors import ConfigInvalid, UnknownApp

GOOD: dict[str, Any] = {
    "runner": {"k3s": {"version": "v1.31.0+k3s1", "url": "https://example.com/k3s", "sha256": "0" * 64}},
    "apps": [
        {
            "name": "shop",
            "namespace": "shop",
            "storage": "s3://backups/shop",
            "signals": [{"name": "front", "kind": "http", "url": "https://shop.example.com/healthz"}],
            "validators": [{"name": "ready", "kind": "ready"}],
        }
    ],
}


def findings(change: dict[str, Any], **app: Any) -> list[str]:
    raw = {**copy.deepcopy(GOOD), **change}
    raw["apps"][0].update(app)
    with pytest.raises(ConfigInvalid) as caught:
        configfile.check(raw)
    return caught.value.findings


def test_a_good_file_loads_with_defaults() -> None:
    loaded = configfile.check(copy.deepcopy(GOOD))
    assert loaded.app("shop").approval_window == 14_400
    assert loaded.name == "relight"


@pytest.mark.parametrize(
    ("app", "path"),
    [
        ({"name": "Shop!"}, "apps[0].name"),
        ({"storage": "s3:/backups"}, "apps[0].storage"),
        ({"drill": {"cron": "daily"}}, "apps[0].drill.cron"),
        ({"drill": {"zone": "Mars/Olympus"}}, "apps[0].drill.zone"),
        ({"rto": 0}, "apps[0].rto"),
        ({"rto": "fast"}, "apps[0].rto"),
        ({"signals": []}, "apps[0].signals"),
        ({"signals": [{"name": "p", "kind": "pointer"}]}, "apps[0].signals[0].key"),
        ({"validators": [{"name": "j", "kind": "job"}]}, "apps[0].validators[0].cronjob"),
        ({"validators": [{"name": "j", "kind": "psychic"}]}, "apps[0].validators[0].kind"),
        ({"validators": [{"name": "h", "kind": "http", "path": "/"}]}, "apps[0].validators[0].service"),
        ({"validators": [{"name": "r", "kind": "ready", "share": 0.5}]}, "apps[0].validators[0].share"),
        ({"validators": [{"name": "f", "kind": "files", "share": 1.5}]}, "apps[0].validators[0].share"),
        (
            {"validators": [{"name": "c", "kind": "command", "image": "a:1", "command": ["x"]}]},
            "apps[0].validators[0].image",
        ),
        ({"promote": [{"name": "p", "kind": "pointer"}]}, "apps[0].promote[0].key"),
        ({"promote": [{"name": "p", "kind": "pointer", "key": "a", "value": "b"}]}, "apps[0].promote[0].value"),
        ({"promote": [{"name": "p", "kind": "ssm", "parameter": "a b", "value": "c"}]}, "apps[0].promote[0].parameter"),
        ({"promote": [{"name": "p", "kind": "fence_role", "role": "publish"}]}, "apps[0].promote[0].role"),
        ({"promote": [{"name": "p", "kind": "route53", "zone": "Z1", "record": "a.b"}]}, "apps[0].promote[0]"),
        (
            {"promote": [{"name": "p", "kind": "route53", "zone": "Z1", "record": "a.b.", "values": ["1.1.1.1"]}]},
            "apps[0].promote[0].record",
        ),
        (
            {"promote": [{"name": "p", "kind": "route53", "zone": "Z1", "record": "a.b", "values": ["one"]}]},
            "apps[0].promote[0].values[0]",
        ),
        ({"promote": [{"name": "p", "kind": "lambda", "function": "f"}] * 2}, "apps[0].promote[1].name"),
        ({"validators": [{"name": "s", "kind": "sql", "query": "SELECT 1", "least": 1}]}, "apps[0].validators[0]"),
        ({"validators": [{"name": "s", "kind": "sql", "query": "q", "claim": "c", "path": "p"}]}, "apps[0].validators[0]"),
        ({"colour": "red"}, "apps[0].colour"),
    ],
)
def test_each_wrong_field_is_named_with_its_path(app: dict[str, Any], path: str) -> None:
    assert any(line.startswith(f"{path}:") for line in findings({}, **app))


def test_all_faults_are_reported_at_once() -> None:
    found = findings({"notify": ["nobody"]}, name="A B", rto=-1, signals=[{"name": "p", "kind": "http"}])
    assert [line.split(":")[0] for line in found] == ["apps[0].name", "apps[0].rto", "apps[0].signals[0].url", "notify[0]"]


def test_two_apps_of_one_name_are_refused() -> None:
    raw = copy.deepcopy(GOOD)
    raw["apps"].append(copy.deepcopy(raw["apps"][0]))
    with pytest.raises(ConfigInvalid) as caught:
        configfile.check(raw)
    assert caught.value.findings == ["apps[1].name: 'shop' is used twice"]


def test_an_unknown_app_names_the_known_ones() -> None:
    with pytest.raises(UnknownApp, match="known apps: shop"):
        configfile.check(copy.deepcopy(GOOD)).app("shpo")


@pytest.mark.parametrize("text", [b"name = ", b"\xff\xfe", b""])
def test_a_file_that_is_not_a_config_is_one_clear_error(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "relight.toml"
    path.write_bytes(text)
    with pytest.raises(ConfigInvalid):
        configfile.load(path)


def test_a_missing_file_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid, match=r"relight\.toml"):
        configfile.load(tmp_path / "relight.toml")


def test_a_runner_that_would_expire_while_people_decide_is_refused() -> None:
    found = findings({"runner": {**GOOD["runner"], "hold": 600}})
    assert found == ["runner.hold: 600 s is shorter than apps[0] may need until its approval, 16500 s"]
