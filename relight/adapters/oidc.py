"""An OpenID Connect issuer, over HTTP: its discovery document, the exchange of a code, and an ID token that is proven.

Nothing that a browser brings is believed before the token's signature, issuer, audience, time and nonce are.
"""

import time
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec
from urllib3 import PoolManager, Retry, Timeout
from urllib3.exceptions import HTTPError

from relight.consoleconfig import SignIn
from relight.errors import ServiceUnavailable, SignInRefused

ALGORITHMS = ["RS256", "PS256", "ES256", "RS384", "RS512", "ES384", "EdDSA"]  # none of a shared secret, and not "none"
KEPT = 600  # seconds that what the issuer publishes counts as known
LEEWAY = 30  # seconds that clocks may differ
LARGEST = 1_000_000  # bytes of an answer
NEEDED = ["exp", "iat", "iss", "aud", "sub", "nonce"]
HTTP = PoolManager(retries=Retry(total=1, redirect=0), timeout=Timeout(5))


def address(sign_in: SignIn, back: str, state: str, nonce: str, challenge: str) -> str:
    """Where the browser goes to sign in; ``challenge``: PKCE's S256."""
    asked = {
        "response_type": "code",
        "client_id": sign_in.client_id,
        "redirect_uri": back,
        "scope": "openid email",
        "state": state,
        "nonce": nonce,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    return f"{endpoint(sign_in, 'authorization_endpoint')}?{urlencode(asked)}"


def claims(sign_in: SignIn, back: str, code: str, verifier: str, nonce: str) -> dict[str, Any]:
    """What the issuer says of who signed in. Raises SignInRefused, and ServiceUnavailable."""
    asked = {"grant_type": "authorization_code", "code": code, "redirect_uri": back, "client_id": sign_in.client_id}
    answer = _fetch(endpoint(sign_in, "token_endpoint"), {**asked, "code_verifier": verifier})
    return proven(sign_in, str(answer.get("id_token", "")), nonce)


def proven(sign_in: SignIn, token: str, nonce: str) -> dict[str, Any]:
    """The claims of an ID token. Raises SignInRefused for one that is not the issuer's, not for us, over, or another's."""
    import jwt  # not needed to answer the API

    try:
        key = _key(sign_in, str(jwt.get_unverified_header(token).get("kid", "")))
        found: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=ALGORITHMS,
            audience=sign_in.client_id,
            issuer=sign_in.issuer,
            leeway=LEEWAY,
            options={"require": NEEDED},
        )
    except jwt.PyJWTError as error:
        problem = f"the issuer's token does not hold ({type(error).__name__})"
        raise SignInRefused("sign-in", problem, "sign in again") from None
    if not nonce or found["nonce"] != nonce:
        raise SignInRefused("sign-in", "the issuer's token is of another sign-in", "sign in again")
    return found


def endpoint(sign_in: SignIn, name: str) -> str:
    """An address out of the issuer's own discovery document. Raises SignInRefused for one that is not the issuer's."""
    document = _discovered(sign_in.issuer, int(time.time() // KEPT))
    found = str(document.get(name, ""))
    safe = urlsplit(found).scheme == "https" or urlsplit(found).netloc == urlsplit(sign_in.issuer).netloc
    if document.get("issuer") != sign_in.issuer or not safe:
        problem = f"its discovery document has no usable {name}"
        raise SignInRefused(f"issuer {sign_in.issuer}", problem, "correct relight.toml")
    return found


def _key(sign_in: SignIn, kid: str) -> Any:
    """The issuer's key of that id, looked for once more where it is new. Raises PyJWTError's where there is none."""
    import jwt

    for kept in (KEPT, 10):
        keys = jwt.PyJWKSet.from_dict(_keys(endpoint(sign_in, "jwks_uri"), kept, int(time.time() // kept))).keys
        if found := next((one for one in keys if one.key_id == kid and one.public_key_use in (None, "sig")), None):
            return found
    raise jwt.InvalidKeyError(f"the issuer has no key {kid!r}")


@lru_cache(maxsize=1)
def _discovered(issuer: str, period: int) -> dict[str, Any]:
    return _fetch(f"{issuer.rstrip('/')}/.well-known/openid-configuration")


@lru_cache(maxsize=2)
def _keys(uri: str, kept: int, period: int) -> dict[str, Any]:
    return _fetch(uri)


def _fetch(url: str, form: dict[str, str] | None = None) -> dict[str, Any]:
    """An answer's JSON; never its text in an error: it may hold a token."""
    where = urlsplit(url).netloc
    try:
        sent = {"body": urlencode(form), "headers": {"content-type": "application/x-www-form-urlencoded"}} if form else {}
        answer = HTTP.request("POST" if form else "GET", url, preload_content=False, **sent)  # type: ignore[arg-type]
        data = answer.read(LARGEST)
        answer.release_conn()
    except HTTPError as error:
        raise ServiceUnavailable(f"issuer {where}: does not answer ({type(error).__name__}); try again") from None
    if answer.status != 200:
        raise SignInRefused("sign-in", f"issuer {where} answered {answer.status}", "sign in again")
    try:
        return msgspec.json.decode(data, type=dict[str, Any])
    except msgspec.DecodeError:
        raise SignInRefused("sign-in", f"issuer {where} answered what is no JSON", "sign in again") from None
