# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What every call of the API server is charged: the truth that the spans of a call are held against."""

from __future__ import annotations

import threading
import uuid
from typing import NamedTuple


class Call(NamedTuple):
    """One call that was answered. The part of each shape of API is in tests/data/spans/README.md."""

    api: str
    more: int  # tokens on either side beyond the table's
    response_id: str  # never twice the same: as the real ones are

    @property
    def input_tokens(self) -> int:
        """All input: fresh, read from the cache, and written to it."""
        return (800 if self.api == "openai.embeddings" else 1200) + self.more

    @property
    def output_tokens(self) -> int:
        """All output, reasoning included."""
        return 0 if self.api == "openai.embeddings" else 300 + self.more


CACHED, CACHE_WRITE, REASONING = 1000, 100, 200  # of OpenAI and Gemini; Anthropic's cache is split, its input is not
ANTHROPIC_CACHED = 900


class Served:
    """The calls served.

    Each has one token more on both sides than the one before, so that none stands for another; unless they are to be
    alike, so that nothing but the id, if there is one, tells them apart.
    """

    def __init__(self, *, alike: bool = False) -> None:
        self._alike = alike
        self._calls: list[Call] = []
        self._lock = threading.Lock()

    def serve(self, api: str, prefix: str = "") -> Call:
        """Note one call and return what it is charged."""
        with self._lock:
            call = Call(api, 0 if self._alike else len(self._calls), prefix + uuid.uuid4().hex)
            self._calls.append(call)
            return call

    @property
    def calls(self) -> tuple[Call, ...]:
        """The calls so far, in the order of arrival."""
        with self._lock:
            return tuple(self._calls)
