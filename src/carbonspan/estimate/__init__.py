# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What a span consumed becomes what it emitted: usage, energy, site and grid joined to a footprint."""
