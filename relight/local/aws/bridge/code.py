"""Function code is unpacked once a digest and shared: all of Relight's functions have the same bundle."""

import io
import os
import shutil
import tempfile
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from relight.local.aws.bridge import patch, rewrite

SHARED = "__relight_shared__"
keep_in: Path | None = None  # set by the process that serves; None: every worker unpacks for itself, as MiniStack does
_unpacking = threading.Lock()

rewrite(
    "core.lambda_runtime",
    "_PYTHON_WORKER_SCRIPT",
    old='    code_dir = init["code_dir"]\n',
    new=f'    code_dir = open(os.path.join(init["code_dir"], "{SHARED}")).read() '
    f'if os.path.exists(os.path.join(init["code_dir"], "{SHARED}")) else init["code_dir"]\n',
)


@patch("services.lambda_svc", "acquire_worker", "func_name config code_zip qualifier max_concurrency")
def share_code(original: Callable[..., Any], name: str, config: dict[str, Any], code: bytes, **more: Any) -> Any:
    """Gives the worker a zip that only says where the code already is."""
    digest = str(config.get("CodeSha256") or "").replace("/", "_").replace("+", "-")
    if keep_in and digest and str(config.get("Runtime")).startswith("python"):
        code = _pointer(_unpacked(keep_in / digest, code))
    return original(name, config, code, **more)


def _unpacked(folder: Path, code: bytes) -> Path:
    with _unpacking:
        if not folder.exists():
            folder.parent.mkdir(parents=True, exist_ok=True)
            scratch = Path(tempfile.mkdtemp(dir=folder.parent))
            with zipfile.ZipFile(io.BytesIO(code)) as archive:
                archive.extractall(scratch)
            try:
                os.rename(scratch, folder)  # noqa: PTH104 (atomic: another process may have been first)
            except OSError:
                shutil.rmtree(scratch)
    return folder


def _pointer(folder: Path) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(SHARED, str(folder))
    return packed.getvalue()
