"""A public registry is asked for an image's digest without a sign-in; hostile names and answers reach nothing inward."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from relight.adapters import public_registry
from relight.adapters.public_registry import HUB, Registry, place, target
from relight.errors import RegistryNotAsked, ServiceUnavailable
from tests.stub_registry import PUBLIC, Answer, Stub, certified, serving

DIGEST = "sha256:" + "a" * 64
INDEX = {"manifests": [{"platform": {"architecture": "arm64"}}, {"platform": {"architecture": "unknown"}}]}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certified(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def stub(certificate: Path) -> Iterator[Stub]:
    with serving(certificate) as made:
        yield made


def found(document: Any = INDEX) -> Answer:
    return 200, {}, json.dumps(document).encode()


def moved(to: str) -> Answer:
    return 307, {"Location": to}, b""


PATH = f"/v2/library/nginx/manifests/{DIGEST}"
CHALLENGE = 'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:library/nginx:pull"'
TOKEN = "/token?service=registry.docker.io&scope=repository%3Alibrary%2Fnginx%3Apull"


def hub(stub: Stub, answer: Answer | None = None) -> None:
    """Docker Hub: who has no token is told where to get one, without a sign-in."""
    refused: Answer = (401, {"WWW-Authenticate": CHALLENGE}, b"{}")
    stub.on(HUB, PATH, lambda token: (answer or found()) if token == "Bearer t-1" else refused)
    stub.on("auth.docker.io", TOKEN, (200, {}, b'{"token": "t-1"}'))


# ------------------------------------------------------------ what it says
def test_docker_hub_is_asked_with_a_token_for_everybody(stub: Stub) -> None:
    hub(stub)
    said = stub.look(f"nginx@{DIGEST}")
    assert (said.there, said.architectures) == (True, frozenset({"arm64"}))
    assert [(host, token) for host, _, token in stub.asked] == [
        (HUB, None),
        ("auth.docker.io", None),
        (HUB, "Bearer t-1"),
    ]
    assert set(stub.connected) == {PUBLIC}


def test_a_digest_that_a_public_repository_does_not_have_is_gone(stub: Stub) -> None:
    hub(stub, (404, {}, b'{"errors": [{"code": "MANIFEST_UNKNOWN"}]}'))
    said = stub.look(f"docker.io/library/nginx:1.29@{DIGEST}")
    assert (said.there, said.why) == (False, f"registry {HUB} does not have its digest")


@pytest.mark.parametrize("answer", [(404, {}, b'{"errors": [{"code": "NAME_UNKNOWN"}]}'), (403, {}, b""), (429, {}, b"")])
def test_a_private_repository_or_a_limit_is_no_answer(stub: Stub, answer: Answer) -> None:
    """It may well be there for who has the cluster's pull secret."""
    hub(stub, answer)
    with pytest.raises(ServiceUnavailable, match=f"HTTP {answer[0]} to who has not signed in"):
        stub.look(f"nginx@{DIGEST}")


def test_a_registry_that_redirects_is_followed_and_the_token_stays_where_it_belongs(stub: Stub) -> None:
    hub(stub, moved("https://cdn.example.com/m"))
    stub.on("cdn.example.com", "/m", found({"config": {}}))
    said = stub.look(f"nginx@{DIGEST}")
    assert (said.there, said.architectures) == (True, None)
    assert stub.asked[-1] == ("cdn.example.com", "/m", None)


# ------------------------------------------------------------ what a hostile backup may not
INWARD = ["10.0.0.5", "127.0.0.1", "169.254.169.254", "172.16.0.1", "192.168.1.1", "100.64.0.1", "0.0.0.0", "224.0.0.1"]


@pytest.mark.parametrize("address", INWARD)
def test_a_name_that_leads_inward_is_not_connected_to(stub: Stub, address: str) -> None:
    stub.addresses["registry.example.com"] = [PUBLIC, address]  # one public address beside it does not help
    with pytest.raises(RegistryNotAsked, match=f"its address {address} is not a public one"):
        stub.look(f"registry.example.com/shop@{DIGEST}")
    assert (stub.connected, stub.asked) == ([], [])


@pytest.mark.parametrize(
    "where",
    ["https://evil.example.com/latest/meta-data/", "http://cdn.example.com/m", "https://cdn.example.com:8443/m",
     "https://169.254.169.254/latest/meta-data/", "https://[::1]/m", "https://localhost/m", "file:///etc/passwd",
     "https://user@cdn.example.com/m", "//evil.example.com/m"],
)  # fmt: skip
@pytest.mark.parametrize("by", ["redirect", "realm"])
def test_neither_a_redirect_nor_a_tokens_place_leads_inward(stub: Stub, by: str, where: str) -> None:
    stub.addresses["evil.example.com"] = ["169.254.169.254"]
    answer: Answer = moved(where) if by == "redirect" else (401, {"WWW-Authenticate": f'Bearer realm="{where}"'}, b"")
    path = f"/v2/shop/manifests/{DIGEST}"
    stub.on("registry.example.com", path, answer)
    with pytest.raises(RegistryNotAsked):
        stub.look(f"registry.example.com/shop@{DIGEST}")
    assert stub.asked == [("registry.example.com", path, None)]


def test_a_name_is_resolved_once_and_what_was_looked_at_is_connected_to(stub: Stub) -> None:
    """A name that answers a public address first and an inward one next gains nothing."""
    stub.on("registry.example.com", f"/v2/shop/manifests/{DIGEST}", found())
    answers = iter([[PUBLIC], ["127.0.0.1"]])
    asked = Registry(resolve=lambda _: next(answers), connect=stub.connect)
    where = place(f"registry.example.com/shop@{DIGEST}")
    assert where and asked.manifest(where, ()) is not None
    assert stub.connected == [PUBLIC]


def test_a_certificate_for_another_name_is_no_answer(stub: Stub) -> None:
    with pytest.raises(ServiceUnavailable, match="does not answer"):
        stub.look(f"other.example.org/shop@{DIGEST}")
    assert stub.asked == []


def test_redirects_size_and_time_are_bounded(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    path, ref = f"/v2/shop/manifests/{DIGEST}", f"registry.example.com/shop@{DIGEST}"
    stub.on("registry.example.com", path, moved(f"https://registry.example.com{path}"))
    with pytest.raises(ServiceUnavailable, match="more than 3 redirects"):
        stub.look(ref)
    stub.on("registry.example.com", path, (200, {}, b"x" * (public_registry.MOST + 1)))
    with pytest.raises(ServiceUnavailable, match="more than 1048576 bytes"):
        stub.look(ref)
    monkeypatch.setattr(public_registry, "TIMEOUT", 0.2)
    stub.on("registry.example.com", path, lambda _: time.sleep(1) or found())  # type: ignore[func-returns-value]
    with pytest.raises(ServiceUnavailable, match="does not answer"):
        stub.look(ref)
    late = iter([0.0, 99.0])
    slow = Registry(resolve=lambda _: [PUBLIC], connect=stub.connect, clock=lambda: next(late))
    where = place(ref)
    assert where
    with pytest.raises(ServiceUnavailable, match="no answer within 15 s"):
        slow.manifest(where, ())


@pytest.mark.parametrize(
    "answer",
    [
        (200, {}, b"[]"),
        (200, {}, b"{"),
        (200, {}, b'{"token": "a\\r\\nHost: b"}'),
        (403, {}, b"{}"),
        (200, {}, b"[" * 9_000),
    ],
)
def test_a_token_that_is_none_ends_it(stub: Stub, answer: Answer) -> None:
    hub(stub)
    stub.on("auth.docker.io", TOKEN, answer)
    with pytest.raises(ServiceUnavailable, match="registry: gave "):
        stub.look(f"nginx@{DIGEST}")
    assert len(stub.asked) == 2


@pytest.mark.parametrize(
    "ref",
    ["nginx:latest", f"localhost/a@{DIGEST}", f"localhost:5000/a@{DIGEST}", f"10.0.0.1:5000/a@{DIGEST}",
     f"10.0.0.1/a@{DIGEST}",
     f"registry.internal:5000/shop@{DIGEST}", f"a..b/shop@{DIGEST}", f"h.example.com/../x@{DIGEST}",
     f"h.example.com/a?b@{DIGEST}", f"h.example.com/a b@{DIGEST}", "h.example.com/a@sha256:short", "", "@", f"/@{DIGEST}"],
)  # fmt: skip
def test_what_names_no_public_registry_is_not_asked(stub: Stub, ref: str) -> None:
    assert stub.look(ref).there is None
    assert stub.asked == []


def test_a_registry_that_the_configuration_does_not_name_is_not_asked(stub: Stub) -> None:
    said = stub.look(f"evil.example.com/shop@{DIGEST}")
    assert (said.there, said.why) == (None, "evil.example.com is not among the registries that relight.toml lets be asked")
    assert (stub.connected, stub.asked) == ([], [])


@pytest.mark.parametrize(
    "url", ["https://2130706433/", "https://10.0.0.1/", "https://0x7f.1/", "https://127.1/m", "https://a.b%00/"]
)
def test_an_address_in_whatever_form_is_no_name(url: str) -> None:
    with pytest.raises(RegistryNotAsked):
        target(url)


def test_the_public_ecr_gallery_and_other_hosts_are_places() -> None:
    assert place(f"public.ecr.aws/lambda/python@{DIGEST}") == public_registry.Place(
        "public.ecr.aws", "public.ecr.aws", "lambda/python", DIGEST
    )
    assert place(f"bitnami/redis:8@{DIGEST}") == public_registry.Place("docker.io", HUB, "bitnami/redis", DIGEST)
