"""What the agent can be asked to do: one module a phase."""

from relight.agent.job import Handler
from relight.agent.tasks import promote, restore, serve, validate
from relight.model import Phase

HANDLERS: dict[str, Handler] = {
    Phase.RESTORE: Handler(restore.perform),
    Phase.VALIDATE: Handler(validate.perform),
    Phase.PROMOTE: Handler(promote.perform),
    Phase.SERVE: Handler(serve.perform, serve.unable),
}
