# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The file in which the processes of a host share hours."""
