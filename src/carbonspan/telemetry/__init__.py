# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What leaves the process: the contract of attributes and metrics, and what writes and records them."""
