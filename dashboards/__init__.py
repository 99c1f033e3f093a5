# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Grafana dashboards, built from Python: `make generate` writes the JSON files beside this one."""
