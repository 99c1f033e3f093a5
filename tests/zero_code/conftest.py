# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""A collector on loopback, and applications started as their users start them."""

from __future__ import annotations

import gzip
import os
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

if TYPE_CHECKING:
    from collections.abc import Iterator

APPS = Path(__file__).resolve().parent / "apps"
BIN = Path(sys.executable).parent


class Received(NamedTuple):
    """A span as the collector got it."""

    name: str
    attributes: dict[str, Any]


class Collector:
    """Takes OTLP over HTTP on 127.0.0.1 and keeps the spans."""

    def __init__(self) -> None:
        self.spans: list[Received] = []
        self.counted: dict[str, int] = {}
        self._news = threading.Condition()
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                if self.path.endswith("/v1/metrics"):
                    collector.take_metrics(ExportMetricsServiceRequest.FromString(body))
                else:
                    collector.take(ExportTraceServiceRequest.FromString(body))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def take(self, request: ExportTraceServiceRequest) -> None:
        with self._news:
            for resource in request.resource_spans:
                for scope in resource.scope_spans:
                    for span in scope.spans:
                        values = {pair.key: pair.value for pair in span.attributes}
                        plain = {key: getattr(v, v.WhichOneof("value") or "", None) for key, v in values.items()}
                        self.spans.append(Received(span.name, plain))
            self._news.notify_all()

    def take_metrics(self, request: ExportMetricsServiceRequest) -> None:
        """Keep, for each process that reports, how many inferences its histogram of emissions holds by now."""
        with self._news:
            for resource in request.resource_metrics:
                names = {pair.key: pair.value for pair in resource.resource.attributes}
                process = names["service.instance.id"].string_value if "service.instance.id" in names else ""
                for metric in (metric for scope in resource.scope_metrics for metric in scope.metrics):
                    if metric.name == "carbon.request.emissions":
                        points = metric.histogram.data_points
                        key = f"{process} {min(point.start_time_unix_nano for point in points)}"
                        self.counted[key] = sum(point.count for point in points)
            self._news.notify_all()

    def wait_for_counted(self, count: int, seconds: float = 60) -> dict[str, int]:
        """Return the counts by process once they add up to `count`."""
        with self._news:
            assert self._news.wait_for(lambda: sum(self.counted.values()) >= count, seconds), self.counted
            return dict(self.counted)

    def wait_for(self, count: int, seconds: float = 60) -> list[Received]:
        """Return the spans once there are `count` of them."""
        with self._news:
            assert self._news.wait_for(lambda: len(self.spans) >= count, seconds), self.spans
            return list(self.spans)


@pytest.fixture
def collector() -> Iterator[Collector]:
    made = Collector()
    thread = threading.Thread(target=made.http.serve_forever, args=(0.02,))
    thread.start()
    yield made
    made.http.shutdown()
    thread.join()
    made.http.server_close()


@pytest.fixture
def environment(collector: Collector) -> dict[str, str]:
    """Return this process's environment without anyone's settings, pointed at the collector."""
    own = ("OTEL_", "CARBONSPAN_", "PYTHONPATH", "COVERAGE", "OPENAI_")
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(own)},
        # `opentelemetry-instrument` looks its command up, and the environment of the tests need not be activated.
        "PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}",
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.http.server_port}",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_LOGS_EXPORTER": "none",
        "OTEL_BSP_SCHEDULE_DELAY": "100",
        # Their imports take seconds, and most applications here do without.
        "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "anthropic,openai",
    }


class Run(Protocol):
    """Runs a command under opentelemetry-instrument to its end; returns what it printed and what it logged."""

    def __call__(self, *command: str, **variables: str) -> tuple[str, str]: ...


@pytest.fixture
def run(environment: dict[str, str]) -> Run:
    def run(*command: str, **variables: str) -> tuple[str, str]:
        done = subprocess.run(  # noqa: S603 - our own
            [BIN / "opentelemetry-instrument", *command],
            env=environment | variables,
            cwd=APPS,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout, done.stderr

    return run


class Served:
    """A server that runs, and its log so far."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.log: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.log.append(line)

    def line_with(self, text: str, seconds: float = 60) -> str:
        """Return the first line of the log with `text` in it, as soon as it is there."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for line in tuple(self.log):
                if text in line:
                    return line
            time.sleep(0.02)
        raise AssertionError("".join(self.log))

    def stop(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)  # all it forked as well: what they had to say has arrived
        self.process.wait(60)
        self._reader.join()
        assert self.process.stderr is not None
        self.process.stderr.close()


class Serve(Protocol):
    """Starts a server under opentelemetry-instrument; it is stopped when the test ends."""

    def __call__(self, *command: str, **variables: str) -> Served: ...


@pytest.fixture
def serve(environment: dict[str, str]) -> Iterator[Serve]:
    started: list[Served] = []

    def serve(*command: str, **variables: str) -> Served:
        process = subprocess.Popen(  # noqa: S603 - our own
            [BIN / "opentelemetry-instrument", *command],
            env=environment | variables,
            cwd=APPS,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(Served(process))
        return started[-1]

    yield serve
    for served in started:
        served.stop()
