# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The package's version and the version of its method: the one place both are written."""

__version__ = "0.1.0"

METHOD_NAME = "carbonspan"
# Raised when the same span would get another number; the package's version moves for any change.
METHOD_VERSION = "1"
