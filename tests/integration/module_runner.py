# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs modules as Ansible's own wrapper does, each in a fresh process, without a playbook around it.

Ansible ships a module to its target and there runs it as ``__main__`` with its parameters in ``_ANSIBLE_ARGS``; so
does this program. It reads one request per line from standard input. It has the SDK loaded and forks for each request:
a run then costs some 0.1 s instead of the 1.5 s of a playbook. With ``--once`` it loads nothing beforehand, runs one
module in this very process, and so can hide libraries (``hide``) or be killed.

Request: {"module": FQCN, "args": {...}, "env": {...}, "hide": [...]}. Answer: {"rc", "stdout", "stderr"}.
"""

from __future__ import annotations

import importlib
import json
import os
import runpy
import sys
import tempfile
import traceback
from typing import Any


def run_here(request: dict[str, Any]) -> None:
    """Run the module in this process; it ends the process itself by SystemExit."""
    os.environ.clear()
    os.environ.update(request["env"])
    for name in request.get("hide", ()):
        sys.modules[name] = None  # type: ignore[assignment]  # the import system's own way to say «not there»
    from ansible.module_utils import basic

    basic._ANSIBLE_ARGS = json.dumps({"ANSIBLE_MODULE_ARGS": request["args"]}).encode()
    # ansible-core 2.19 and later ask how the parameters are encoded.
    basic._ANSIBLE_PROFILE = "legacy"
    namespace, collection, name = request["module"].split(".")
    path = f"ansible_collections.{namespace}.{collection}.plugins.modules.{name}"
    given = {"_module_fqn": path, "_modlib_path": None}
    runpy.run_module(path, init_globals=given, run_name="__main__", alter_sys=True)


def run_forked(request: dict[str, Any]) -> dict[str, Any]:
    """Run the module in a child and return its exit code and output."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = os.fork()
        if child == 0:
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            _exit_after(request)
        _unused, status = os.waitpid(child, 0)
        out.seek(0)
        err.seek(0)
        texts = {"stdout": out.read().decode("utf-8", "replace"), "stderr": err.read().decode("utf-8", "replace")}
    return {"rc": os.waitstatus_to_exitcode(status), **texts}


def _exit_after(request: dict[str, Any]) -> None:
    """Run the module and end this process with its exit code, without running the parent's clean-up."""
    code = 1
    try:
        run_here(request)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    except Exception:  # noqa: BLE001  # whatever the module raised is what the test wants to see
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def serve() -> None:
    """Answer one request per line until standard input closes."""
    import ansible.module_utils.basic  # noqa: F401
    import boto3  # noqa: F401
    import botocore.client
    import botocore.httpsession  # noqa: F401
    import kubernetes.config  # noqa: F401

    for line in sys.stdin:
        request = json.loads(line)
        load_sdk(request["module"])
        print(json.dumps(run_forked(request)), flush=True)


# The SDKs that few tests need, by the beginnings of modules' names: loaded with the first of these, and kept for the others.
RARE_SDKS = {
    "azure_": ("azure.identity", "azure.storage.blob"),
    "gcs_": ("google.cloud.storage", "google.oauth2.service_account"),
}


def load_sdk(module: str) -> None:
    """Load what this module needs of the rare ones."""
    for beginning, packages in RARE_SDKS.items():
        if module.rpartition(".")[2].startswith(beginning):
            for package in packages:
                importlib.import_module(package)


if __name__ == "__main__":
    # The first argument is the directory that holds ansible_collections; the script's own directory is of no use.
    sys.path[0] = sys.argv[1]
    if sys.argv[2:] == ["--once"]:
        run_here(json.loads(sys.stdin.readline()))
    else:
        serve()
