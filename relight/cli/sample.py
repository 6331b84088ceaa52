"""``relight engine sample``: something for ``--local`` to work on."""

import shutil

from rich.console import Console

from relight.adapters.kube import Cluster
from relight.adapters.s3 import S3, join
from relight.backups import write
from relight.cli import backups
from relight.cli.demo import primary
from relight.cli.output import toned
from relight.cli.session import ENGINE, STATE, Session, require_room
from relight.configfile import load

HOME = STATE / "sample"


def sample(session: Session) -> None:
    """Puts a backup of the sample application into the running engine.

    The application runs on a local cluster for as long as that takes; then only the backup is left.

    \b
    Examples:
      relight engine sample
    """
    from relight.local import attach, cluster  # the engine's packages are not needed elsewhere

    require_room()
    keys = attach.attach(ENGINE)
    app = load(ENGINE / "relight.toml").app(primary.NAMESPACE)
    session.output.says("installing the sample application on a local cluster, backing it up: a few seconds")
    shutil.rmtree(HOME, ignore_errors=True)
    started = cluster.start(HOME, "sample")
    try:
        credentials = {name: keys[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
        place = Cluster(started.kubeconfig)
        primary.install(place, {"AWS_ENDPOINT_URL": keys["AWS_ENDPOINT_URL"]}, credentials)
        primary.await_server(place)
        primary.publish(place)
        S3().put(join(app.storage, app.promote[0].key), b'{"site": "primary"}')
        uri, written = write(app, place, {})
    finally:
        started.stop()
        shutil.rmtree(HOME, ignore_errors=True)
    session.output.show({"uri": uri, "metadata": written}, lambda page: _page(page, uri, backups.contents(written)))


def _page(page: Console, uri: str, contents: str) -> None:
    page.print(f"{toned('done')}: {contents}")
    page.print(f"  {uri}")
    page.print("next: relight drill --local")
