# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""A client that asks a `FaultServer` with a key, and a look for that key in an error."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, Any

from carbonspan.live.sources._http import Client
from carbonspan.live.sources._options import Timeouts

if TYPE_CHECKING:
    from tests.live.sources.faults import (
        FaultServer,
    )

TOKEN = "planted-1f2e3d4c"  # noqa: S105 - searched for in everything that comes out
GOOD = {"number": 1}
QUICK = Timeouts(5.0, 5.0, 60.0)
IMPATIENT = Timeouts(5.0, 0.2, 1.0)


def client(server: FaultServer, timeouts: Timeouts = QUICK, **options: Any) -> Client:
    return Client("test", server.url, timeouts=timeouts, **options)


def ask(asked: Client) -> Any:
    return asked.get("/path", {"zone": "DE"}, headers={"auth-token": TOKEN})


def silent_about_the_key(error: BaseException) -> None:
    seen: BaseException | None = error
    while seen is not None:
        text = "".join((str(seen), repr(seen), repr(vars(seen)), *traceback.format_exception(seen)))
        assert TOKEN not in text
        assert seen.__cause__ is None
        seen = seen.__context__
    assert error.__context__ is None
