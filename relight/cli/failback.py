"""``relight failback``: production goes back to the primary. It shows first, and does only what it is told to."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from relight.cli import exits, primary
from relight.cli.output import table, toned
from relight.cli.runs import RunId, TimeoutOption, WaitOption, show_to_the_end
from relight.cli.session import Session
from relight.errors import PrimaryNotReady, RequestInvalid

SHOWN = 20
NEXT = "nothing was changed; next: {again}"


def failback(
    session: Session,
    run_id: RunId,
    hand_back: Annotated[bool, typer.Option("--hand-back", help="Do it; without it nothing is changed.")] = False,
    freeze: Annotated[bool, typer.Option("--freeze", help="Only freeze and take the last backup, then stop.")] = False,
    kubeconfig: Annotated[Path | None, typer.Option("--primary", help="The primary's kubeconfig; it is only read.")] = None,
    restored: Annotated[str | None, typer.Option("--restored", help="The backup you restored onto the primary.")] = None,
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
      relight failback RUN_ID --hand-back --primary ~/.kube/config
    """
    if hand_back and freeze:
        raise RequestInvalid("--hand-back, --freeze", "are two steps", "give --freeze first, --hand-back later")
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
    again = f"relight failback {found['run_id']} --hand-back"
    page.print(f"watch it: relight status {found['run_id']}" if does else NEXT.format(again=again))


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
