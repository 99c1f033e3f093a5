# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What the commands share: how wide their output is, tables, JSON, and warnings that become part of the output."""

from __future__ import annotations

import json
import logging
import os
from contextlib import contextmanager
from datetime import datetime, timezone
from enum import Enum
from typing import TYPE_CHECKING, Any

import click
from rich import box
from rich.console import Console
from rich.table import Table

from carbonspan.core._options import warn_again
from carbonspan.core.values import Range

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import RenderableType

NARROW = 110  # columns: below, tables leave out what can be had elsewhere
_PIPE_WIDTH = 132  # columns: a pipe or a log has no width of its own, and this is enough for the tables
_TIME_FORMAT = "%Y-%m-%dT%H:%M:%SZ"


def console() -> Console:
    """Return the console to print on, as wide as the terminal or as COLUMNS says."""
    found = Console()
    return found if found.is_terminal or os.environ.get("COLUMNS", "").isdigit() else Console(width=_PIPE_WIDTH)


def json_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the option `--json`, as the parameter `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON instead.")(function)


def show(data: Any, draw: Callable[[bool], RenderableType], *, as_json: bool) -> None:
    """Print `data` as JSON, or what `draw` makes of it, given whether the console is narrow."""
    if as_json:
        click.echo(json.dumps(data, indent=2))
    else:
        output = console()
        output.print(draw(output.width < NARROW))


def new_table(*headers: str, right: tuple[str, ...] = (), wrap: tuple[str, ...] = ()) -> Table:
    """Return an empty table; columns not named in `wrap` hold names and numbers, which must not be broken."""
    table = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False)
    for header in headers:
        whole = header not in wrap
        table.add_column(
            header,
            justify="right" if header in right else "left",
            no_wrap=whole,
            overflow="ellipsis" if whole else "fold",
        )
    return table


def plain(value: Any) -> Any:
    """Return a value as JSON can hold it; ranges become objects with low, central and high."""
    if isinstance(value, Range):
        return value._asdict()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    return value


def time_text(when: datetime) -> str:
    """Return a time in UTC as text, to the second."""
    return when.strftime(_TIME_FORMAT)


def time_of(text: str) -> datetime:
    """Return the time that `time_text` wrote."""
    return datetime.strptime(text, _TIME_FORMAT).replace(tzinfo=timezone.utc)


class _Collector(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


@contextmanager
def collected_warnings() -> Iterator[list[str]]:
    """Yield the list that carbonspan's warnings go to instead of the log, those it has given before included."""
    handler = _Collector()
    log = logging.getLogger("carbonspan")
    propagated, log.propagate = log.propagate, False
    log.addHandler(handler)
    try:
        warn_again()
        yield handler.messages
    finally:
        log.removeHandler(handler)
        log.propagate = propagated
