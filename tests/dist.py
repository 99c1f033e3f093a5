# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Builds wheel and sdist, installs each in an environment of its own away from the sources, and uses it there."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import tempfile
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

USE = """
import carbonspan, pathlib
footprint = carbonspan.estimate(model="gpt-4o", input_tokens=1000, output_tokens=1000, region="aws:eu-west-1")
assert footprint.emissions_g.low < footprint.emissions_g.central < footprint.emissions_g.high, footprint
assert footprint.intensity.zone == "IE", footprint.intensity
home = pathlib.Path(carbonspan.__file__).parent
assert (home / "py.typed").exists()
assert "src" not in home.parts, home
print("ok", carbonspan.__version__)
"""


def run(*command: str | Path, cwd: Path) -> str:
    """Run a command to its end; its output is returned, and shown where it fails."""
    done = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout


def main() -> None:
    """Build, look inside, install, use."""
    with tempfile.TemporaryDirectory() as temporary:
        there = Path(temporary)
        run(sys.executable, "-m", "build", "--outdir", there / "dist", ROOT, cwd=there)
        wheel = next((there / "dist").glob("*.whl"))
        sdist = next((there / "dist").glob("*.tar.gz"))
        names = zipfile.ZipFile(wheel).namelist()
        for wanted in ("LICENSE", "NOTICE", "electricity_maps_yearly_odbl/LICENSE", "py.typed"):
            if not any(name.endswith(wanted) for name in names):
                sys.exit(f"the wheel lacks {wanted}: {names}")
        with tarfile.open(sdist) as archive:
            if any("/tests/" in name for name in archive.getnames()):
                sys.exit("the sdist has the tests, and with them figures that are quoted, not distributed")
        for package in (wheel, sdist):
            environment = there / package.name.replace(".", "-")
            venv.create(environment, with_pip=True)
            python = environment / "bin" / "python"
            install = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-c", ROOT / "constraints.txt")
            run(python, *install, f"{package}[cli]", cwd=there)
            sys.stdout.write(f"{package.name}: {run(python, '-W', 'error', '-c', USE, cwd=there)}")
            run(environment / "bin" / "carbonspan", "doctor", cwd=there)


if __name__ == "__main__":
    main()
