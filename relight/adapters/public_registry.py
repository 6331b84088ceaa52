"""Whether a public registry has an image: its manifest by digest, anonymously, by the registry API's token flow.

Which registries are asked the app's configuration says, never a backup; but their answers name further hosts. So every
request, a redirect's and a token's too, is HTTPS on port 443, to a public IPv4 address that was resolved once and is the one
connected to; answers are bounded, and nothing but the manifest's list of architectures is kept.
"""

import json
import re
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address
from urllib.parse import urlencode, urljoin, urlsplit

import urllib3

from relight.errors import RegistryNotAsked, ServiceUnavailable
from relight.formats import is_host

REF = re.compile(r"(?P<host>[a-z0-9.-]+)/(?P<name>[a-z0-9]+(?:[._/-]+[a-z0-9]+)*)@(?P<digest>sha256:[0-9a-f]{64})", re.ASCII)
CHALLENGE = re.compile(r'(realm|service|scope)="([^"]{1,500})"')
HUB = "registry-1.docker.io"
TIMEOUT, TOTAL = 5.0, 15.0  # seconds: of a request, and until no further one begins
HOPS, MOST = 3, 1_048_576  # redirects; bytes of an answer
REDIRECTS = (301, 302, 303, 307, 308)
Answer = tuple[int, Mapping[str, str], bytes]
Pool = Callable[[str, str], urllib3.HTTPSConnectionPool]


@dataclass(frozen=True, slots=True)
class Place:
    """``registry``: as the reference names it, ``host``: where it answers."""

    registry: str
    host: str
    name: str
    digest: str


def place(ref: str) -> Place | None:
    """Where a reference by digest says its image is; None for what no public registry can be asked for."""
    path, at, digest = ref.partition("@")
    path = re.sub(r":[^/:]*$", "", path)  # a tag beside the digest says nothing more
    first, _, rest = path.partition("/")
    if "." not in first and ":" not in first and first != "localhost":
        first, rest = "docker.io", path if rest else f"library/{path}"
    found = REF.fullmatch(f"{first}/{rest}{at}{digest}")
    if found is None or not is_host(first):
        return None
    return Place(first, HUB if first == "docker.io" else first, found["name"], found["digest"])


def resolve(host: str) -> list[str]:
    return [str(row[4][0]) for row in socket.getaddrinfo(host, 443, socket.AF_INET, socket.SOCK_STREAM)]


def connect(address: str, host: str) -> urllib3.HTTPSConnectionPool:
    """To the very address that was looked at; certificate and SNI are the host's."""
    return urllib3.HTTPSConnectionPool(
        address, 443, assert_hostname=host, server_hostname=host, ssl_context=ssl.create_default_context()
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    resolve: Callable[[str], list[str]] = resolve
    connect: Pool = connect
    clock: Callable[[], float] = time.monotonic

    def manifest(self, image: Place, media: tuple[str, ...]) -> bytes | None:
        """As the registry has it; None where everybody may read the repository, and the digest is not in it.

        Raises RegistryNotAsked for a host that may not be, ServiceUnavailable for no clear answer: a private repository too.
        """
        until = self.clock() + TOTAL
        url = f"https://{image.host}/v2/{image.name}/manifests/{image.digest}"
        status, headers, body = self._follow(url, {"Accept": ", ".join(media)}, until)
        if status == 401:
            token = self._token(headers.get("www-authenticate", ""), until)
            asked = {"Accept": ", ".join(media), "Authorization": f"Bearer {token}"}
            status, headers, body = self._follow(url, asked, until)
        if status == 200 or (status == 404 and b"MANIFEST_UNKNOWN" in body):
            return body if status == 200 else None
        raise ServiceUnavailable(f"registry {image.host}: HTTP {status} to who has not signed in")

    def _token(self, challenge: str, until: float) -> str:
        said = dict(CHALLENGE.findall(challenge))
        if not challenge.lower().startswith("bearer ") or "realm" not in said:
            raise ServiceUnavailable("registry: it wants a sign-in that is not the registry API's")
        realm = said.pop("realm")
        status, _, body = self._follow(f"{realm}{'&' if '?' in realm else '?'}{urlencode(said)}", {}, until)
        try:
            answer = json.loads(body) if status == 200 else {}
            token = str(answer.get("token") or answer["access_token"])
        except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
            raise ServiceUnavailable(f"registry: gave no token without a sign-in (HTTP {status})") from None
        if not re.fullmatch(r"[\x21-\x7e]{1,16384}", token):
            raise ServiceUnavailable("registry: gave a token that is none")
        return token

    def _follow(self, url: str, headers: dict[str, str], until: float) -> Answer:
        """The answer behind at most HOPS redirects; a token goes to no other host than the one it is for."""
        began = urlsplit(url).hostname
        for _ in range(HOPS + 1):
            status, said, body = self._once(url, headers, until)
            if status not in REDIRECTS or "location" not in said:
                return status, said, body
            url = urljoin(url, said["location"])
            if urlsplit(url).hostname != began:
                headers = {name: value for name, value in headers.items() if name != "Authorization"}
        raise ServiceUnavailable(f"registry: more than {HOPS} redirects")

    def _once(self, url: str, headers: dict[str, str], until: float) -> Answer:
        host, path = target(url)
        address = self._public(host)
        if self.clock() > until:
            raise ServiceUnavailable(f"registry {host}: no answer within {TOTAL:g} s")
        try:
            with self.connect(address, host) as pool:
                answer = pool.urlopen(
                    "GET", path, headers={"Host": host, **headers}, retries=False, redirect=False,
                    timeout=TIMEOUT, preload_content=False, decode_content=False,
                )  # fmt: skip
                body = answer.read(MOST + 1)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise ServiceUnavailable(f"registry {host}: does not answer ({type(error).__name__})") from None
        if len(body) > MOST:
            raise ServiceUnavailable(f"registry {host}: answers with more than {MOST} bytes")
        return answer.status, {name.lower(): value for name, value in answer.headers.items()}, body

    def _public(self, host: str) -> str:
        """Its address, if every one that it has is public: a name that also leads inward is not asked."""
        try:
            found = self.resolve(host)
        except OSError as error:
            raise ServiceUnavailable(f"registry {host}: its name cannot be resolved ({error.strerror})") from None
        inward = [one for one in found if not IPv4Address(one).is_global or IPv4Address(one).is_multicast]
        if inward or not found:
            raise RegistryNotAsked(f"registry {host}: is not asked, as its address {', '.join(inward)} is not a public one")
        return found[0]


def target(url: str) -> tuple[str, str]:
    """Host and path of a URL that may be asked. Raises RegistryNotAsked for any other."""
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        raise RegistryNotAsked("registry: leads to a URL that is none, which is not asked") from None
    if parts.scheme != "https" or port not in (None, 443) or "@" in parts.netloc or not is_host(host):
        raise RegistryNotAsked(f"registry: leads to {url[:100]!r}, which is not asked: it is no public name over HTTPS")
    return host, (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
