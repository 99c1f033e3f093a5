# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The committed JSON is what the code builds."""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING

import pytest

from dashboards.queries import files

if TYPE_CHECKING:
    from pathlib import Path

# The builders' package declares Python 3.11.
pytestmark = pytest.mark.skipif(sys.version_info < (3, 11), reason="grafana-foundation-sdk needs Python 3.11")


def test_the_json_is_what_the_code_builds() -> None:
    build = importlib.import_module("dashboards.build")
    built = build.built()
    assert sorted(built) == files()
    for path, text in built.items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name}: run python -m dashboards.build"


def test_the_check_tells_a_file_that_was_edited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    build = importlib.import_module("dashboards.build")
    monkeypatch.setattr(build, "FOLDER", tmp_path)
    assert build.main(["--check"]) == 1
    assert build.main([]) == 0
    assert build.main(["--check"]) == 0
    edited = min(tmp_path.glob("*.json"))
    edited.write_text(edited.read_text(encoding="utf-8").replace("massg", "masskg"), encoding="utf-8")
    capsys.readouterr()
    assert build.main(["--check"]) == 1
    assert edited.name in capsys.readouterr().err
