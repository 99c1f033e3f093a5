# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The committed JSON is what the code builds."""

from __future__ import annotations

import importlib
import sys

import pytest

from dashboards.queries import files

# The builders' package declares Python 3.11.
pytestmark = pytest.mark.skipif(sys.version_info < (3, 11), reason="grafana-foundation-sdk needs Python 3.11")


def test_the_json_is_what_the_code_builds() -> None:
    build = importlib.import_module("dashboards.build")
    built = build.built()
    assert sorted(built) == files()
    for path, text in built.items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name}: run make generate"
