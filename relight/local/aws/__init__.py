"""The local AWS: MiniStack in a process of its own, on loopback, with what it lacks added by ``bridge``.

``python -m relight.local.aws --state DIR --port N`` starts it. DIR gets ``calls.jsonl`` (every AWS call with the
principal that made it) and ``instances/<id>/`` (each instance's disk and logs).
"""
