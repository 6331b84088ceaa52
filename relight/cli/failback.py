"""``relight failback``: production goes back to the primary. It shows first, and does only what it is told to."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from relight.cli import exits, onto, primary
from relight.cli.output import table, toned
from relight.cli.runs import RunId, TimeoutOption, WaitOption, show_to_the_end
from relight.cli.session import Session
from relight.errors import PrimaryNotReady, RequestInvalid
from relight.recovery.patience import Deadline, poll

SHOWN = 20
UNFREEZE_SECONDS = 180.0  # the agent's own, and a heartbeat
NEXT = "nothing was changed; next: {again}"
FREEZE = (
    "--freeze, and then --restore --primary FILE: what was written here comes onto the primary; or --hand-back without it"
)


UNFROZEN = {
    "to do": f"{toned('done')}: the runner runs everything as before the freeze; production goes on there",
    "stopped": f"{toned('failed')}: see what stopped it: relight failback, then ask again",
    None: "it is asked for, and not done yet: see relight failback",
}


def failback(
    session: Session,
    run_id: RunId,
    hand_back: Annotated[bool, typer.Option("--hand-back", help="Do it; without it nothing is changed.")] = False,
    freeze: Annotated[bool, typer.Option("--freeze", help="Only freeze and take the last backup, then stop.")] = False,
    restore: Annotated[bool, typer.Option("--restore", help="Show what the last backup would change on --primary.")] = False,
    confirm: Annotated[str | None, typer.Option(help="With --restore: the code that it showed; do it.")] = None,
    unfreeze: Annotated[bool, typer.Option("--unfreeze", help="Give the freeze up: production goes on.")] = False,
    kubeconfig: Annotated[
        Path | None,
        typer.Option("--primary", help="The primary's kubeconfig; only --restore --confirm and --unfreeze write."),
    ] = None,
    restored: Annotated[
        str | None, typer.Option("--restored", help="The backup you restored onto the primary by means of your own.")
    ] = None,
    image: Annotated[str | None, typer.Option(help="With --restore: the image that holds Relight, by digest.")] = None,
    aws_secret: Annotated[str | None, typer.Option(help="With --restore: the Secret there with AWS's variables.")] = None,
    run_as: Annotated[str | None, typer.Option(help="With --restore: USER[:GROUP] that writes the files; root.")] = None,
    cycle: Annotated[int, typer.Option(min=0, max=600, help="Seconds to wait for the primary to publish again.")] = 300,
    wait: WaitOption = True,
    timeout: TimeoutOption = 3600,
) -> int:
    """Shows the way back to the primary, and goes it.

    Without --hand-back nothing is changed. With it, the runner is frozen, backed up for the last time, its pointers are
    moved back, and it is torn down. What stopped half way goes on there when it is asked for again.

    \b
    Examples:
      relight failback RUN_ID --primary ~/.kube/config
      relight failback RUN_ID --freeze
      relight failback RUN_ID --restore --primary ~/.kube/config
      relight failback RUN_ID --hand-back --primary ~/.kube/config
    """
    steps = {"--freeze": freeze, "--restore": restore, "--hand-back": hand_back, "--unfreeze": unfreeze}
    _one(steps, restore, kubeconfig, confirm)
    if restore and kubeconfig:
        wish = onto.Wish(
            kubeconfig=kubeconfig, confirm=confirm, image=image, secret=aws_secret, run_as=run_as, seconds=timeout
        )
        return onto.restore(session, run_id, wish)
    if unfreeze:
        return _unfreeze(session, run_id, kubeconfig, wait)
    namespace = _namespace(session, run_id) if kubeconfig else ""
    seen = primary.look(kubeconfig, namespace) if kubeconfig else None
    if seen and seen.wrong and hand_back:
        raise PrimaryNotReady(f"--primary {kubeconfig}", f"is not ready: {'; '.join(seen.wrong)}", "repair it first")
    does = hand_back or freeze
    said = {"primary": seen.said if seen else "", "restored": restored or ""}
    answer = session.console.decide(run_id, "failback", {"confirm": does, "hold": freeze, "cycle": cycle, **said})
    if does and wait and hand_back:
        session.output.says(f"{toned('done')}: failback of run {run_id} is recorded; the run goes on by itself")
        return show_to_the_end(session, run_id, timeout)
    found = {**answer, "objects": _objects(kubeconfig, answer, namespace), "primary": seen}
    session.output.show(found, lambda page: render(page, found, does))
    return exits.ENDED_BADLY if answer["divergence"] else exits.DONE


def _one(steps: dict[str, bool], restore: bool, kubeconfig: Path | None, confirm: str | None) -> None:
    """Raises RequestInvalid."""
    asked = [name for name, given in steps.items() if given]
    if len(asked) > 1:
        raise RequestInvalid(
            ", ".join(asked), "are steps of their own", f"give one at a time, {asked[0]} first: relight failback --help"
        )
    if restore and not kubeconfig:
        raise RequestInvalid("--restore", "does not say onto what", "name the primary's kubeconfig: --primary FILE")
    if confirm and not restore:
        raise RequestInvalid(f"--confirm {confirm}", "confirms nothing", "give it with --restore")


def _unfreeze(session: Session, run_id: str, kubeconfig: Path | None, wait: bool) -> int:
    answer = _ask_to_unfreeze(session, run_id, kubeconfig)
    began = answer["confirmed"]

    def ask() -> str | None:
        answer.update(session.console.decide(run_id, "failback", {}))
        state = _state(answer, "freeze")
        return state if state in ("to do", "stopped") else None

    ended = poll(ask, Deadline.after(UNFREEZE_SECONDS if wait and began else 0), every=1.0)
    session.output.show(answer, lambda page: page.print(UNFROZEN[ended] if began else "nothing was frozen or changed"))
    return exits.DONE if ended == "to do" else exits.ENDED_BADLY if ended else exits.UNDECIDED


def _ask_to_unfreeze(session: Session, run_id: str, kubeconfig: Path | None) -> dict[str, Any]:
    """The app on the primary is stopped only where the console says that it must be, and nothing else stands in the way."""
    try:
        return dict(session.console.decide(run_id, "unfreeze", {}))
    except PrimaryNotReady:
        if kubeconfig is None:
            raise
    stopped = onto.stop(kubeconfig, _namespace(session, run_id))
    session.output.says(f"the app is stopped on the primary: {stopped}")
    return dict(session.console.decide(run_id, "unfreeze", {"stopped": stopped}))


def _state(answer: dict[str, Any], step: str) -> str:
    return str(next(row["state"] for row in answer["steps"] if row["step"] == step))


def _namespace(session: Session, run_id: str) -> str:
    """The app's, on the primary."""
    return session.config.app(str(session.console.run(run_id)["run"]["app"])).namespace


def _objects(kubeconfig: Path | None, answer: dict[str, Any], namespace: str) -> dict[str, Any] | None:
    taken = ((answer.get("serving") or {}).get("vitals") or {}).get("taken")
    return primary.differences(kubeconfig, taken["uri"], namespace) if kubeconfig and taken else None


def render(page: Console, found: dict[str, Any], does: bool) -> None:
    rows = [(row["step"], toned(row["state"]), escape(row["detail"])) for row in found["steps"]]
    page.print(table(("step", "state", ""), rows))
    for line in found["divergence"]:
        page.print(f"[red]diverged[/]: {escape(line)}")
    for line in found["published"]:
        page.print(f"published since the promotion: {line}", markup=False)
    for line in objects(found["objects"]):
        page.print(line, markup=False)
    again = f"relight failback {found['run_id']} {_next(found)}"
    page.print(f"watch it: relight status {found['run_id']}" if does else NEXT.format(again=again), markup=False)


def _next(found: dict[str, Any]) -> str:
    if found.get("alive") and _state(found, "freeze") == "to do":
        return FREEZE
    return "--hand-back" if found.get("restored") else "--restore --primary FILE, or --hand-back without it"


def objects(found: dict[str, Any] | None) -> list[str]:
    if found is None:
        return ["objects were not compared: that needs --primary, and a backup of the promoted site"]
    if "error" in found:
        return [f"objects could not be compared: {found['error']}"]
    lines = [
        f"not compared, the primary's {version} does not answer: {why}" for version, why in found["not_compared"].items()
    ]
    lines += [f"only on the promoted site: {one}" for one in found["only_here"]]
    lines += [f"only on the primary: {one}" for one in found["only_on_the_primary"]]
    more = [f"and {len(lines) - SHOWN} more: -o json shows all"] if len(lines) > SHOWN else []
    return lines[:SHOWN] + more or ["both sites have the same objects, by kind and name"]
