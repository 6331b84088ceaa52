"""``ssm``: the value of one plain SSM parameter. ``{run_id}`` and ``{instance_id}`` in it become the promoted runner's."""

from relight.adapters import values
from relight.promoteconfig import PromoteAction
from relight.promotion.kind import Scene, Seen, Swap, change

LONGEST = 120  # characters that are told of a value


def seen(scene: Scene, action: PromoteAction) -> Seen:
    name = action.parameter
    before, after = values.read(name)[0], wanted(scene, action)
    return Seen(target=f"parameter {name}", before=before, after=after, told=change(words, before, after))


def wanted(scene: Scene, action: PromoteAction) -> str:
    told = {"{run_id}": scene.run.run_id, "{instance_id}": scene.runner.instance_id if scene.runner else ""}
    value = action.value
    for mark, said in told.items():
        value = value.replace(mark, said)
    return value


def words(value: str | None) -> str:
    return repr((value or "")[:LONGEST])


PARAMETER = Swap(
    seen=seen,
    look=lambda note: values.read(note.action.parameter)[0],
    swap=lambda note, old, new: values.write(note.action.parameter, old or "", new or ""),
    words=words,
)
