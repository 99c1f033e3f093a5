# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Grafana dashboards, built from Python: `python -m dashboards.build` writes the JSON files beside this one."""
