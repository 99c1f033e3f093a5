# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What the sources behind HTTP have in common: an address, timeouts, a client, and a name that holds no secret."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from carbonspan.live.sources._http import Client, Timeouts
from carbonspan.live.sources._options import base_url, timeouts

if TYPE_CHECKING:
    from collections.abc import Callable

    from carbonspan.grid.source import GridError
    from carbonspan.live.sources._http import Reply
    from carbonspan.live.sources._pace import Pace

DAY_S = 86_400.0


class HttpSource:
    """A source that is asked over HTTP; see `carbonspan.grid.GridSource` for what it has to answer."""

    def __init__(
        self,
        name: str,
        url: Any,
        timeout_s: Any,
        *,
        pace: Callable[[str], Pace] | None = None,
        judge: Callable[[Reply], GridError | None] | None = None,
    ) -> None:
        """Check the options that all have, and open nothing.

        Raises:
            ValueError: an option is not allowed; the message says which, and what is.
        """
        self.name = name
        self._address = base_url(url)
        self._client = Client(
            name,
            self._address,
            timeouts=_timeouts(timeout_s),
            pace=None if pace is None else pace(self._address),
            judge=judge,
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._address!r})"

    def close(self) -> None:
        """Let go of connections; the next question opens new ones."""
        self._client.close()


def _timeouts(value: Any) -> Timeouts:
    usual = Timeouts()
    if value is None:
        return usual
    times = timeouts(value)
    connect_s, read_s = (times[0], times[0]) if len(times) == 1 else times[:2]
    return Timeouts(connect_s, read_s, times[2] if len(times) > 2 else max(usual.total_s, connect_s + read_s))  # noqa: PLR2004


class Daily:
    """What was learnt from a server today. Monotonic: a clock that jumps changes nothing."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._known: tuple[float, Any] | None = None

    def get(self) -> Any:
        """Return what was learnt in the last 24 hours, else `None`."""
        known = self._known  # one read: another thread may be replacing it
        return known[1] if known is not None and time.monotonic() < known[0] else None

    def put(self, value: Any) -> None:
        """Keep a value for 24 hours."""
        self._known = (time.monotonic() + DAY_S, value)
