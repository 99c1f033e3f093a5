# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""A short soak; `make soak` is the long one."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from tests.soak import MEGABYTES, soak

if TYPE_CHECKING:
    import pytest


def test_twenty_thousand_fuzzed_spans_leave_no_error_and_no_memory(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
    try:
        processor, watch, grown = soak(20_000)
    finally:
        logging.getLogger("opentelemetry").setLevel(logging.NOTSET)
    counts = processor.counts()
    assert counts.get("error", 0) == 0
    assert watch.impossible == 0
    assert {"enriched", "unknown_model", "container", "no_usage", "invalid_usage"} <= counts.keys()
    assert grown <= MEGABYTES
    assert "carbonspan" not in caplog.text
