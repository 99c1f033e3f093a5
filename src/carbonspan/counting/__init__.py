# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Which of several spans counts, whose it was, and what adds up to what."""
