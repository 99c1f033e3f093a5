# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The live grid over processes: many that ask once, forks, and interpreters that exit."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from carbonspan.live import _live as live
from carbonspan.live._live import open_grids
from tests.live.app import REGION, App, this_hour
from tests.live.loopback import WAIT_S, Loopback, LoopbackSource

pytestmark = pytest.mark.usefixtures("closed")

ROOT = Path(__file__).parents[2]
WORKER = """
import sys, time
from carbonspan.live._live import open_grids
from tests.live.app import App
from tests.live.loopback import LoopbackSource
app = App(grid=[LoopbackSource(int(sys.argv[1]))], grid_cache=sys.argv[2])
sys.stdin.readline()
app.until(lambda found: found[2] == "loopback")
print("joined", flush=True)
"""


def worker(code: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603 - this interpreter
        # From 3.12 on, a fork beside a thread is warned of: that is what is tested.
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", code, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def test_eight_workers_ask_once(server: Loopback, tmp_path: Path) -> None:
    workers = [worker(WORKER, server.port, tmp_path / "grid.sqlite3") for _ in range(8)]
    for process in workers:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    assert [process.communicate(timeout=2 * WAIT_S) for process in workers] == 8 * [("joined\n", "")]
    assert server.asked == {"GB": 1}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_goes_on_by_itself(server: Loopback, tmp_path: Path) -> None:
    code = """
import os, sys
from carbonspan.live._live import open_grids
from tests.live.app import App
from tests.live.loopback import LoopbackSource
app = App(grid=[LoopbackSource(int(sys.argv[1]))], grid_cache=sys.argv[2])
app.until(lambda found: found[2] == "loopback")
(grid,) = open_grids()
(refresher,) = grid.refreshers
child = os.fork()
if child == 0:
    assert not refresher.is_running()
    assert app.span()[2] == "loopback"        # what the parent knew
    grid.want("FR", int(__import__("time").time() // 3600))
    assert app.processor.prefetch_grid(["zone:DE"], timeout_s=60).ok
    assert app.processor.refresh_grid(timeout_s=60).ok
    app.processor.shutdown()
    os._exit(0)
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
assert refresher.is_running()
assert app.processor.prefetch_grid(["zone:DE", "GB"], timeout_s=60).ok
print("child", status, flush=True)
"""
    process = worker(code, server.port, tmp_path / "grid.sqlite3")
    assert process.communicate(timeout=2 * WAIT_S) == ("child 0\n", "")
    # each zone once: parent and child share the file
    assert server.asked == {"GB": 1, "DE": 1, "FR": 1}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_the_first_span_of_a_forked_child_is_noted(server: Loopback) -> None:
    """Also where its hour and place were looked up before the fork: the child has no thread yet."""
    server.hours = lambda _zone, first, last: dict.fromkeys(range(first, last + 1), (50.0, "estimated"))
    code = """
import os, sys, time
from carbonspan.live._live import open_grids
from tests.live.app import App
from tests.live.loopback import LoopbackSource
app = App(grid=[LoopbackSource(int(sys.argv[1]))])
app.until(lambda found: found[2] == "loopback")
at_s = time.time()
app.span(at_s)
child = os.fork()
if child == 0:
    (refresher,) = open_grids()[0].refreshers
    assert not refresher.is_running()
    app.span(at_s)
    os._exit(0 if refresher.is_running() else 1)
print("child", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
    assert worker(code, server.port).communicate(timeout=2 * WAIT_S) == ("child 0\n", "")


def test_the_interpreter_exits_while_a_source_hangs(server: Loopback, tmp_path: Path) -> None:
    code = """
import sys
from carbonspan.live._live import open_grids
from tests.live.app import App
from tests.live.loopback import LoopbackSource
app = App(grid=[LoopbackSource(int(sys.argv[1]), timeout_s=600)], grid_cache=sys.argv[2])
app.span()
sys.stdin.readline()
print("end", flush=True)
"""
    server.gate.clear()
    process = worker(code, server.port, tmp_path / "grid.sqlite3")
    assert server.arrived.wait(WAIT_S)
    out, err = process.communicate("go\n", timeout=WAIT_S)
    assert (out, err, process.returncode) == ("end\n", "", 0)
    # the lease of the process that is gone holds nobody up
    server.gate.set()
    app = App(grid=[LoopbackSource(server.port)], grid_cache=str(tmp_path / "grid.sqlite3"))
    assert app.processor.prefetch_grid(REGION, timeout_s=WAIT_S).ok


def test_what_a_forked_child_begins_with(server: Loopback) -> None:
    """What the interpreter calls in the child, called here."""
    app = App(grid=[LoopbackSource(server.port)])
    app.until(lambda found: found[2] == "loopback")
    (grid,) = open_grids()
    (refresher,) = grid.refreshers
    with live._opening:  # as another thread of the parent may have
        live._renew()
        assert not live._opening.locked()
    assert not refresher.is_running()
    assert refresher.series() == ()
    grid.want("GB", this_hour())  # noted in the parent already
    assert refresher.is_running()
    assert app.processor.prefetch_grid(["zone:DE"], timeout_s=WAIT_S).ok


def test_no_network_library_is_loaded_before_it_is_used() -> None:
    code = (
        "import sys, carbonspan; carbonspan.CarbonSpanProcessor();"
        "print([m for m in ('requests', 'sqlite3', 'platformdirs', 'urllib3') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    assert done.stdout == "[]\n"
