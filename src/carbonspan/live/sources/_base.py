# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What the sources behind HTTP have in common: address, timeouts, client, pace, and a name that holds no secret."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, ClassVar

from carbonspan.core._fork import renew_in_child
from carbonspan.live._clock import DAY_S
from carbonspan.live.sources._http import Client
from carbonspan.live.sources._options import base_url, timeouts

if TYPE_CHECKING:
    from carbonspan.grid.source import GridError
    from carbonspan.live.sources._reply import Reply


class HttpSource:
    """A source that is asked over HTTP; see `carbonspan.grid.GridSource` for what it has to answer."""

    name: str  # as written on spans
    url: ClassVar[str]  # the base address of the API
    spacing_s: ClassVar[float] = 0.0  # between two calls of a process, where the source asks for it

    def __init__(self, *, name: str = "", url: Any = None, timeout_s: Any = None) -> None:
        """Check the options that all have, and open nothing; see `SOURCES` for what each means.

        Args:
            name: in place of the source's own, where an option makes it another series.
            url: in place of the source's own.
            timeout_s: see `Timeouts`.

        Raises:
            ValueError: an option is not allowed; the message says which, and what is.
        """
        if name:
            self.name = name
        self._address = base_url(self.url if url is None else url)
        self._client = Client(
            self.name,
            self._address,
            timeouts=timeouts(timeout_s),
            pace=pace_of(self._address, self.spacing_s) if self.spacing_s else None,
            judge=self._judge,
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._address!r})"

    def close(self) -> None:
        """Close the connections; the next question opens new ones."""
        self._client.close()

    def _judge(self, reply: Reply) -> GridError | None:
        """Return what a status other than 200 means here, `None` where it means the usual."""


class Daily:
    """What a server said today. Monotonic: a clock that jumps changes nothing."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._known: tuple[float, Any] | None = None

    def get(self) -> Any:
        """Return what was put here in the last 24 hours, else `None`."""
        known = self._known  # one read: another thread may be replacing it
        return known[1] if known is not None and time.monotonic() < known[0] else None

    def put(self, value: Any) -> None:
        """Keep a value for 24 hours."""
        self._known = (time.monotonic() + DAY_S, value)


class Pace:
    """At least `spacing_s` seconds between two calls. One per host and process: see `pace_of`."""

    def __init__(self, spacing_s: float) -> None:
        """Take the spacing; the first call does not wait."""
        self._spacing_s = spacing_s
        self.renew()
        renew_in_child(self.renew)

    def renew(self) -> None:
        """Begin anew, as in a forked child: nothing was called yet, and nobody holds the lock."""
        self._next = 0.0
        self._lock = threading.Lock()

    def wait(self, closed: threading.Event) -> None:
        """Wait for this call's turn, or until closed. The turn is taken under the lock, the waiting done outside."""
        with self._lock:
            turn = max(self._next, time.monotonic())
            self._next = turn + self._spacing_s
        closed.wait(max(turn - time.monotonic(), 0.0))


_paces: dict[tuple[str, float], Pace] = {}


def pace_of(url: str, spacing_s: float) -> Pace:
    """Return the pace that all sources of this address share."""
    return _paces.setdefault((url, spacing_s), Pace(spacing_s))
