"""``relight arm`` and ``relight disarm``: whether the alarm and the drill schedule may start runs by themselves."""

from relight.adapters.triggers import switch
from relight.cli.output import table
from relight.cli.session import AppOption, Session


def arm(session: Session, app: AppOption = None) -> None:
    """Lets the alarm and the drill schedule start runs.

    \b
    Examples:
      relight arm
      relight arm --app shop
    """
    switched(session, app, True)


def disarm(session: Session, app: AppOption = None) -> None:
    """Stops the alarm and the drill schedule from starting runs.

    \b
    Examples:
      relight disarm --app shop
    """
    switched(session, app, False)


def switched(session: Session, app: str | None, armed: bool) -> None:
    chosen = session.app(app).name
    session.connect()
    found = switch(session.config.name, chosen, armed)
    said = (
        "armed: its alarm starts a recovery, its schedule a drill"
        if armed
        else "disarmed: only a person starts a run now; arm it again: relight arm"
    )
    rows = [(trigger.kind, trigger.name, "on" if trigger.armed else "off") for trigger in found]

    def render(page) -> None:  # type: ignore[no-untyped-def]
        page.print(table(("", "name", "state"), rows))
        page.print(f"app {chosen} is {said}")

    session.output.show({"app": chosen, "armed": armed, "triggers": found}, render)
