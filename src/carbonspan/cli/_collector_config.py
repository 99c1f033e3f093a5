# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""`carbonspan collector-config`: makes a configuration, puts it where the Collector reads it, and sends SIGHUP."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from pathlib import Path
from time import sleep, time
from typing import TYPE_CHECKING, Any

import click

from carbonspan.collector import PARTS, STATEMENTS_FILE, WHOLE, Request
from carbonspan.core._options import Settings, check_environment

if TYPE_CHECKING:
    from collections.abc import Callable

    from carbonspan.collector._configuration import Maker

UNCHANGED = 3
"""The exit status where the file holds the configuration already: the Collector need not read it again."""

_MINUTES_PER_HOUR = 60
_AFTER_THE_HOUR_S = 20.0  # sources publish an hour when it has begun
MAX_TIMEOUT_S = 300.0


def _setting(flag: str, keyword: str, meaning: str) -> Callable[..., Any]:
    return click.option(flag, keyword, default=None, help=f"{meaning} [CARBONSPAN_{keyword.upper()}]")


@click.command("collector-config")
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), help="The file to write. Default: standard output."
)
@click.option(
    "--part",
    type=click.Choice(PARTS),
    default=WHOLE,
    show_default=True,
    help="All in one file; or the statements (they change by the hour) and the pipelines around them, a file each.",
)
@click.option(
    "--statements-file",
    default=STATEMENTS_FILE,
    show_default=True,
    metavar="PATH",
    help="Of the pipelines: where the Collector finds the statements.",
)
@click.option(
    "--cover",
    "covered",
    multiple=True,
    metavar="REGION",
    help="A cloud region the tables hold, such as aws:eu-west-1. Repeatable. Default: every one. "
    "Live sources are asked for the hours of these.",
)
@click.option(
    "--model",
    "names",
    multiple=True,
    metavar="NAME",
    help="A model's name to find without a look at patterns. Repeatable.",
)
@_setting("--region", "region", "Where models run if a span does not say.")
@_setting("--regions", "regions", "provider=region or model=region pairs, for certain.")
@_setting("--self-hosted", "self_hosted", "Providers and hosts on the machines the telemetry comes from.")
@_setting("--pue", "pue", "Power usage effectiveness, where you know it.")
@_setting("--models", "models", "Your own models: JSON, or the path of a JSON file.")
@_setting("--basis", "basis", "life-cycle, direct or marginal.")
@_setting("--grid", "grid", "Live sources, in order of preference.")
@_setting("--attributes", "attributes", "minimal, standard or full.")
@_setting("--flags", "flags", "Feature flags that become labels of the metrics.")
@_setting("--cohorts", "cohorts", "Span attributes that become labels of the metrics.")
@click.option("--metrics/--no-metrics", default=None, help="Whether metrics are made too. [CARBONSPAN_METRICS]")
@click.option(
    "--every",
    "every_minutes",
    type=click.IntRange(1, _MINUTES_PER_HOUR),
    default=None,
    metavar="MINUTES",
    help="Keep running: make it again at each full hour, and every so many minutes after it.",
)
@click.option(
    "--reload-pid",
    default=None,
    metavar="PID|FILE",
    help="Send SIGHUP to this Collector whenever the file has changed. Needs --output.",
)
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(0.1, MAX_TIMEOUT_S),
    default=10.0,
    show_default=True,
    help="Seconds to wait for live sources.",
)
def collector_config(
    *,
    output: Path | None,
    part: str,
    statements_file: str,
    covered: tuple[str, ...],
    names: tuple[str, ...],
    every_minutes: int | None,
    reload_pid: str | None,
    timeout_s: float,
    **options: Any,
) -> None:
    """Write a Collector configuration that puts the estimate on spans of services that are not Python.

    It is made from the same registry, tables and live hours as the processor's. Each option has the environment
    variable that is named beside it. Exits 0 where the file was written, 3 where it holds the same already.
    """
    if output is None and (every_minutes or reload_pid):
        raise click.UsageError("--every and --reload-pid need --output: the file the Collector reads")
    from carbonspan.collector._configuration import Maker  # noqa: PLC0415 - not the time of every other command

    try:
        check_environment(os.environ, options)
        settings = Settings.resolve({key: value for key, value in options.items() if value is not None}, os.environ)
        maker = Maker(settings, Request(part, statements_file, covered, names, timeout_s))
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    try:
        _run(maker, output, reload_pid, every_minutes)
    except (ValueError, OSError) as error:
        raise click.ClickException(str(error)) from error
    finally:
        maker.close()


def _run(maker: Maker, output: Path | None, reload_pid: str | None, every_minutes: int | None) -> None:
    if output is None:
        click.echo(_made(maker), nl=False)
        return
    changed = _write(maker, output)
    if every_minutes is None:
        if changed and reload_pid:
            reload(reload_pid)
        if not changed:
            sys.exit(UNCHANGED)
        return
    unread = changed
    while True:
        # From here on nothing ends it: a disk may be full for a while, and a Collector down for an upgrade.
        if unread and reload_pid:
            unread = not _tried("--reload-pid", lambda: reload(reload_pid))
        sleep(pause_s(time(), every_minutes))
        unread = bool(_tried("--output", lambda: _write(maker, output))) or unread


def _made(maker: Maker) -> str:
    made = maker.make()
    for problem in made.problems:
        click.echo(f"carbonspan: {problem}", err=True)
    return made.content


def _write(maker: Maker, output: Path) -> bool:
    changed = write(output, _made(maker))
    click.echo(f"{output}: {'written' if changed else 'unchanged'}", err=True)
    return changed


def _tried(option: str, what: Callable[[], int]) -> int:
    """Return what something returns, 0 where it fails, and say so."""
    try:
        return what()
    except (ValueError, OSError) as error:
        named = str(error) if option in str(error) else f"{option}: {error}"
        click.echo(f"carbonspan: {named}", err=True)
        return 0


def pause_s(now_s: float, every_minutes: int) -> float:
    """Return the seconds to the next full hour or multiple of `every_minutes` after one, and a few more."""
    apart_s = every_minutes * 60.0
    hour_s = now_s - now_s % 3600.0
    next_s = min(hour_s + ((now_s - hour_s) // apart_s + 1) * apart_s, hour_s + 3600.0)
    return next_s - now_s + _AFTER_THE_HOUR_S


def write(path: Path, content: str) -> bool:
    """Write a file so that a reader finds the old one or the new one, and return whether it changed.

    A file that holds this content already is left as it is, with its time. A link stays one.

    Raises:
        OSError: it cannot be written there.
    """
    path = path.resolve()
    if path.exists() and not path.is_file():
        raise OSError(f"{path} is not a regular file; without --output the configuration goes to standard output")
    if path.exists() and path.read_bytes() == content.encode():
        return False
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        # As any new file of this process would be: only its owner can read a temporary one.
        mask = os.umask(0)
        os.umask(mask)
        Path(beside).chmod(path.stat().st_mode & 0o777 if path.exists() else 0o666 & ~mask)
        Path(beside).replace(path)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise
    return True


def reload(process: str) -> int:
    """Tell a Collector to read its configuration again (SIGHUP), and return its process id.

    Args:
        process: A process id, or the path of a file that holds one.

    Raises:
        ValueError: it is neither; the message says what is allowed.
        OSError: there is no such process, or it belongs to another user.
    """
    number = process.strip()
    if not number.isdecimal():
        path = Path(process)
        number = path.read_text(encoding="utf-8", errors="replace").strip() if path.is_file() else ""
    # 0 would be every process of this one's group.
    if not number.isdecimal() or int(number) == 0:
        raise ValueError(f"--reload-pid {process!r}; allowed: a process id, or the path of a file that holds one")
    try:
        os.kill(int(number), signal.SIGHUP)
    except OSError as error:
        raise OSError(error.errno, error.strerror, f"--reload-pid {process}") from error
    return int(number)
