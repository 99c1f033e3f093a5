# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""placeholder."""
