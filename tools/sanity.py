# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run ``ansible-test sanity`` in the current directory, with no other network than the package index.

ansible-test makes a virtual environment per check and fetches a script from a server of its own to install pip there.
It looks for that script in its cache first: a script that installs pip from pip's own wheel is put there if none is.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

from ansible_test._internal.python_requirements import get_venv_packages

CACHE = Path.home() / ".ansible" / "test" / "cache"
SCRIPT = '''\
"""Install pip from its wheel beside this file; takes the options of get-pip.py that ansible-test gives."""
import os
import runpy
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.environ["GET_PIP"]), "{wheel}"))
sys.argv[1:] = ["install", "--quiet"] + [word for word in sys.argv[1:] if word not in ("--no-setuptools", "--no-wheel")]
runpy.run_module("pip", run_name="__main__", alter_sys=True)
'''


def provide_pip(version: str) -> None:
    """Put the wheel of this pip and the script that ansible-test looks for into its cache."""
    script = CACHE / f"get_pip_{version.replace('.', '_')}.py"
    if script.exists():
        return
    CACHE.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "pip", "download", "-qq", "--no-deps", "--only-binary", ":all:"]
    subprocess.run([*command, "--dest", str(CACHE), f"pip=={version}"], check=True)
    script.write_text(SCRIPT.format(wheel=next(CACHE.glob(f"pip-{version}-*.whl")).name), encoding="utf-8")


def environment() -> dict[str, str]:
    """Return an environment whose PATH has the Pythons behind pyenv's shims, not the shims.

    A shim is there for each version that is installed, but runs only those that pyenv was told to.
    """
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    folders = [folder for folder in os.get_exec_path() if Path(folder) != pyenv / "shims"]
    folders += [str(folder) for folder in sorted(pyenv.glob("versions/3.*/bin"), reverse=True)]
    return {**os.environ, "PATH": os.pathsep.join(folders)}


def main() -> None:
    """Become ansible-test; its status is this command's."""
    python = SimpleNamespace(version=f"{sys.version_info.major}.{sys.version_info.minor}")
    provide_pip(get_venv_packages(python)["pip"])
    os.execvpe("ansible-test", ["ansible-test", "sanity", "--local", *sys.argv[1:]], environment())


if __name__ == "__main__":
    main()
