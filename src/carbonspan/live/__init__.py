# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Live hours of grid intensity, fetched in the background: all that touches the network, files and threads."""
