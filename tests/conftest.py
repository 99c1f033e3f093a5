# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Settings that all tests share."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# No test is timed: how fast a machine is says nothing about what is right.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")
