# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The ground of every room: values, outcomes, hours, options, and what reads the tables that ship."""
