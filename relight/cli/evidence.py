"""``relight evidence fetch`` and ``relight evidence verify``: a run's receipts, copied and checked."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from relight.adapters.s3 import S3
from relight.cli import exits
from relight.cli.output import table, toned
from relight.cli.runs import RunId
from relight.cli.session import STATE, Session, with_session
from relight.errors import RequestInvalid, RunNotFound
from relight.evidence.verify import verify_copy
from relight.view import read
from relight.words import many

group = typer.Typer(name="evidence", help="Copy a run's evidence, or check a copy.", no_args_is_help=True)


def fetch(
    session: Session,
    run_id: RunId,
    output_dir: Annotated[Path | None, typer.Option(help="Where to; .relight/evidence/RUN_ID by default.")] = None,
) -> None:
    """Copies a run's evidence to a directory.

    \b
    Examples:
      relight evidence fetch RUN_ID
      relight evidence fetch RUN_ID --output-dir proof/
    """
    app = read(session.console.run(run_id)).app
    target = output_dir or STATE / "evidence" / run_id
    count = copy(f"s3://{session.deployment.evidence_bucket}/{app}/{run_id}/", target)
    if not count:
        raise RunNotFound(f"run {run_id}", "left no evidence", "check the id: relight runs")
    session.output.show(
        {"run_id": run_id, "files": count, "directory": str(target)},
        lambda page: page.print(f"{count} files in {target}; check them: relight evidence verify {target}"),
    )


def copy(prefix: str, target: Path) -> int:
    """Copies every object below ``prefix`` (an S3 URI ending in a slash) into ``target``; how many there were."""
    store, count = S3(), 0
    for info in store.list(prefix):
        path = target / info.uri.removeprefix(prefix)
        if not path.resolve().is_relative_to(target.resolve()):
            raise RequestInvalid(
                info.uri, "its key leads out of the target directory", "look at the bucket: this is no evidence of ours"
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(store.get(info.uri))
        count += 1
    return count


def check(
    session: Session,
    source: Annotated[str, typer.Argument(help="A copy of one run's evidence, or its s3:// prefix.", show_default=False)],
    public_key: Annotated[Path | None, typer.Option(help="The key it must be signed with, as PEM.")] = None,
) -> int:
    """Verifies receipts, chain and signature; a copy offline.

    Without --public-key the key inside the copy is used: that shows damage, but not a forger.

    \b
    Examples:
      relight evidence verify .relight/evidence/RUN_ID
      relight evidence verify proof/ --public-key relight.pem
    """
    if source.startswith("s3://"):
        session.connect()
    elif not Path(source).is_dir():
        raise RequestInvalid(source, "is not a directory", "name the copy of one run: relight evidence fetch RUN_ID")
    found = verify_copy(source if source.startswith("s3://") else Path(source), pem(public_key))

    def render(page: Console) -> None:
        if found:
            page.print(table(("object", "what is wrong"), [(escape(f.object), escape(f.problem)) for f in found]))
            page.print(*dict.fromkeys(f"[bold]fix:[/] {f.fix}" for f in found), sep="\n")
        whose = "by the key you named" if public_key else "by the key in the copy: --public-key proves whose it is"
        good = f"every receipt and the chain hold, signed {whose}"
        page.print(f"{toned('FAILED')}: {many(len(found), 'problem')}" if found else f"{toned('PASSED')}: {good}")

    session.output.show({"source": source, "ok": not found, "findings": found}, render)
    return exits.ENDED_BADLY if found else exits.DONE


def pem(path: Path | None) -> str | None:
    try:
        return path.read_text(encoding="utf-8") if path else None
    except (OSError, UnicodeDecodeError):
        raise RequestInvalid(f"--public-key {path}", "cannot be read as PEM", "name the deployment's public key") from None


group.command()(with_session(fetch))
group.command("verify")(with_session(check))
