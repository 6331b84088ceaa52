"""What a person configures of the console: the part `[console]` of `relight.toml`."""

from dataclasses import dataclass

from relight.values import IssuerUrl, Strict


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn(Strict):
    """An OpenID Connect issuer (Cognito, or any). ``client_id``: a public client there, for the code flow with PKCE.

    ``groups``: the claim of the ID token that lists a person's groups.
    """

    issuer: IssuerUrl
    client_id: str
    groups: str = "groups"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleConfig(Strict):
    """Who has which role: ARNs or signed-in names (``*`` for any part), or ``group:NAME`` of the issuer's.

    Whom AWS vouches for and no list names may what their IAM policies allow; whom the issuer vouches for, nothing.
    """

    viewers: tuple[str, ...] = ()
    operators: tuple[str, ...] = ()
    approvers: tuple[str, ...] = ()
    sign_in: SignIn | None = None
