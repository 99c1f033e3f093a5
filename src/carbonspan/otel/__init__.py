# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The edge to OpenTelemetry's SDK: processor, exporter, sampler, instrumentor."""
