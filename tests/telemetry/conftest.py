# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""A server that stands in for a grid source, as in tests/live."""

from tests.live.loopback import closed, server

__all__ = ["closed", "server"]
