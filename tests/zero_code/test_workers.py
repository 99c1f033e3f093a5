# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Processes that fork after set-up, and gevent: spans of every worker arrive at the collector, with carbon."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
from urllib.request import urlopen

if TYPE_CHECKING:
    from pathlib import Path

    from tests.zero_code.conftest import Collector, Received, Run, Serve


def all_enriched(spans: list[Received]) -> bool:
    return all(span.attributes["carbon.emissions.grams"] > 0 for span in spans)


def get(url: str) -> int:
    with urlopen(url, timeout=60) as answer:  # noqa: S310 - loopback
        return int(answer.read())


def test_gunicorns_forked_workers(serve: Serve, collector: Collector) -> None:
    metrics = {"OTEL_METRICS_EXPORTER": "otlp", "OTEL_METRIC_EXPORT_INTERVAL": "200"}
    served = serve("gunicorn", "--workers=2", "--bind=127.0.0.1:0", "--no-control-socket", "web:application", **metrics)
    url = served.line_with("Listening at").split("Listening at: ")[1].split()[0]
    with ThreadPoolExecutor(4) as clients:
        workers = list(clients.map(get, [url] * 24))
    assert len(set(workers)) == 2
    assert served.process.pid not in workers
    spans = collector.wait_for(24)
    assert sorted(span.attributes["worker.pid"] for span in spans) == sorted(workers)
    # Each worker reports what it counted itself, and nothing of its parent's or its sibling's.
    counted = collector.wait_for_counted(24)
    assert sorted(counted.values()) == sorted(workers.count(worker) for worker in set(workers))
    assert all_enriched(spans)


def test_celerys_forked_workers(serve: Serve, collector: Collector, tmp_path: Path) -> None:
    served = serve("celery", "--app=tasks", "worker", "--pool=prefork", "--concurrency=2", BROKER_FOLDER=str(tmp_path))
    spans = collector.wait_for(6)
    assert {span.attributes["parent.pid"] for span in spans} == {served.process.pid}
    assert all_enriched(spans)


def test_gevent(run: Run, collector: Collector) -> None:
    out, log = run(sys.executable, "green.py", OTEL_PYTHON_AUTO_INSTRUMENTATION_EXPERIMENTAL_GEVENT_PATCH="patch_all")
    assert out == "patched: True\n"
    # What urllib3 and gevent say of each other at exit on Python 3.12 is not ours, and is said without carbonspan too.
    assert "carbonspan" not in log
    spans = collector.wait_for(20)
    assert len(spans) == 20
    assert all_enriched(spans)
