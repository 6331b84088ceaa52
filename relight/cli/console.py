"""``relight console``: a link that signs you in to the console's pages, as whom you are here."""

from typing import Annotated, Any
from urllib.parse import quote

import typer

from relight.cli.runs import run_id_of
from relight.cli.session import Session
from relight.errors import NotPermitted, RoleMissing
from relight.roles import LADDER, Role
from relight.settings import console_address

RunOption = Annotated[str | None, typer.Argument(help="The run whose page it leads to.", callback=run_id_of)]
RoleOption = Annotated[
    Role | None, typer.Option("--as", help="At most this role; the highest that you may have when left out.")
]


def console(session: Session, run_id: RunOption = None, role: RoleOption = None) -> None:
    """Prints a link that signs you in to the console in a browser.

    It works once, within two minutes. Whoever opens it is you: send it to nobody.

    \b
    Examples:
      relight console
      relight console RUN_ID
      relight console --as viewer
    """
    if run_id:
        session.console.run(run_id)  # a link to what is not there would only disappoint in the browser
    made = link(session, [role] if role else LADDER[::-1])
    to = f"&to={quote(f'/console/runs/{run_id}')}" if run_id else ""
    address = (console_address() or session.deployment.api).rstrip("/") + made["path"] + to
    said = f"you are {made['role']} there; the link works once, until {made['expires_at']}"
    document = {"url": address, "role": made["role"], "expires_at": made["expires_at"]}

    def render(page: Any) -> None:
        page.print(address, soft_wrap=True, markup=False)
        page.print(said)

    session.output.show(document, render)


def link(session: Session, roles: list[Role]) -> dict[str, Any]:
    """For the first of the roles that the caller may have. Raises NotPermitted where it is none of them."""
    for role in roles[:-1]:
        try:
            return session.console.sign_in(role)
        except (NotPermitted, RoleMissing):
            continue
    return session.console.sign_in(roles[-1])
