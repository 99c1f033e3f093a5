# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The road of a span as statements for the OpenTelemetry Collector: made from the same tables, run by it alone."""
