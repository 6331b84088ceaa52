"""Sign-ins of people in a browser, in the one table. Secrets are never in it, only their SHA-256.

A link is used once, by compare-and-swap; a session ends at its time, or before it when the person signs out.
"""

import time
from dataclasses import dataclass
from hashlib import sha256

from relight.adapters.calls import Refused
from relight.adapters.items import Items
from relight.model import decode, encode
from relight.roles import Role

SWEPT = 86_400  # seconds after its end until an item is removed


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """Who signs in: ``name`` stands in decisions; ``role``: at most this one. ``expires_at``: epoch seconds.

    ``issuer``: who vouches for them; empty: AWS. ``groups``: the issuer's.
    """

    name: str
    role: Role
    expires_at: int
    issuer: str = ""
    groups: tuple[str, ...] = ()


class Sessions(Items):
    def put_link(self, secret: str, who: SignedIn) -> None:
        self._put(_key("link", secret), "link", {**encode(who), "spent": False}, who.expires_at + SWEPT)

    def redeem(self, secret: str) -> SignedIn | None:
        """Whose link it is, the first time and in time; None ever after, and for a link that nobody made."""
        key = _key("link", secret)
        unspent = "spent = :no AND expires_at > :now"
        try:
            self._update(key, "link", {"spent": True}, unspent, {":no": False, ":now": int(time.time())})
        except Refused:
            return None
        item = self._get(key, "link")
        return decode(item, SignedIn) if item else None

    def put_session(self, secret: str, who: SignedIn) -> None:
        self._put(_key("session", secret), "session", encode(who), who.expires_at + SWEPT)

    def session(self, secret: str) -> SignedIn | None:
        """Whose session it is, or None: unknown, signed out, or over."""
        item = self._get(_key("session", secret), "session")
        found = decode(item, SignedIn) if item else None
        return found if found and found.expires_at > time.time() else None

    def end_session(self, secret: str) -> None:
        self._try(_key("session", secret), "session", {"expires_at": 0}, "attribute_exists(pk)", {})


def _key(kind: str, secret: str) -> str:
    return f"{kind}#{sha256(secret.encode()).hexdigest()}"
