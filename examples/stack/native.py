# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The stack without containers: Prometheus, Jaeger (for Tempo) and the Collector as processes on loopback.

    make stack

starts them, sends the demo's traffic through them and says where to look. The tests use `Stack` with ports of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import requests

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

    from typing_extensions import Self

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
AGENT = REPOSITORY / "collector-config" / "agent.yaml"
RULES = REPOSITORY / "dashboards" / "rules"
PROGRAMS = ("prometheus", "promtool", "otelcol", "jaeger")

READY_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 30.0
POLL_S = 0.1
HTTP_TIMEOUT_S = 10.0

# Waits for a line that says all is well. Where the pipe closes without one, who held it is gone: $1 goes, too.
GUARD = 'read -r line || kill "$1" 2>/dev/null'


class StackError(Exception):
    """A program is missing or did not come up; the message says which, and where its log is."""


class Ports(NamedTuple):
    """Where everything listens on 127.0.0.1."""

    otlp_http: int = 4318
    otlp_grpc: int = 4317
    health: int = 13133
    telemetry: int = 8888
    scrape: int = 8889
    prometheus: int = 9090
    jaeger: int = 16686
    jaeger_grpc: int = 16685
    jaeger_otlp: int = 14317

    def taken(self) -> list[str]:
        """Return which of these others listen on, as `prometheus (9090)`."""
        found = []
        for name, port in self._asdict().items():
            with socket.socket() as one:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    one.bind(("127.0.0.1", port))
                except OSError:
                    found.append(f"{name} ({port})")
        return found

    def collector_environment(self, queue: Path) -> dict[str, str]:
        """Return the variables that the configurations of `collector-config/` read, for these ports."""
        return {
            "COLLECTOR_HOST": "127.0.0.1",
            "OTLP_HTTP_PORT": str(self.otlp_http),
            "OTLP_GRPC_PORT": str(self.otlp_grpc),
            "HEALTH_PORT": str(self.health),
            "TELEMETRY_PORT": str(self.telemetry),
            "SCRAPE_PORT": str(self.scrape),
            "TRACES_ENDPOINT": f"127.0.0.1:{self.jaeger_otlp}",
            "PROMETHEUS_REMOTE_WRITE": f"http://127.0.0.1:{self.prometheus}/api/v1/write",
            "QUEUE_DIRECTORY": str(queue),
        }

    @classmethod
    def free(cls) -> Ports:
        """Return ports that were free just now."""
        sockets = [socket.socket() for _ in cls._fields]
        try:
            for one in sockets:
                one.bind(("127.0.0.1", 0))
            return cls(*(one.getsockname()[1] for one in sockets))
        finally:
            for one in sockets:
                one.close()


def programs_folder() -> Path:
    """Return where `make stack-programs` puts what it builds."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get("STACK_PROGRAMS") or cache / "carbonspan" / "stack") / "bin"


def missing_programs() -> list[str]:
    """Return which of the programs have not been built."""
    return [name for name in PROGRAMS if not (programs_folder() / name).is_file()]


class Guarded:
    """A process that ends when this one does, however that ends: killed, it could not end anything itself.

    Args:
        process: Just started.
    """

    def __init__(self, process: subprocess.Popen[bytes] | subprocess.Popen[str]) -> None:
        self.process = process
        self._guard = subprocess.Popen(  # noqa: S603 - the line above
            ["/bin/sh", "-c", GUARD, "guard", str(process.pid)], stdin=subprocess.PIPE, start_new_session=True
        )

    def end(self, how: signal.Signals, within_s: float) -> None:
        """End it by a signal, and by SIGKILL where it does not end, or this is interrupted meanwhile.

        Raises:
            subprocess.TimeoutExpired: it had to be killed.
        """
        self.process.send_signal(how)
        try:
            self.process.wait(within_s)
        finally:
            self.process.kill()  # nothing where it has ended
            self.process.wait()
            self._guard.communicate(b"\n")


class Stack:
    """Programs that run while the `with` block lasts. Attributes are base addresses, without a slash at the end.

    Args:
        folder: For data, logs and the Collector's queue.
        ports: Where to listen.
        collector: The Collector's configuration files, the later laid over the earlier.
        environment: Variables of the Collector beside the addresses.
        rules: Files or folders of Prometheus rules.
        evaluation: How often rules are evaluated, as Prometheus writes durations.
        scraped: Whether Prometheus scrapes the Collector (its `scrape.yaml`).
    """

    def __init__(
        self,
        folder: Path,
        *,
        ports: Ports | None = None,
        collector: Sequence[Path] = (AGENT,),
        environment: Mapping[str, str] | None = None,
        rules: Sequence[Path] = (RULES,),
        evaluation: str = "15s",
        scraped: bool = False,
    ) -> None:
        self.folder = folder
        self.ports = ports or Ports.free()
        self.otlp_http_url = f"http://127.0.0.1:{self.ports.otlp_http}"
        self.prometheus_url = f"http://127.0.0.1:{self.ports.prometheus}"
        self.jaeger_url = f"http://127.0.0.1:{self.ports.jaeger}"
        self.telemetry_url = f"http://127.0.0.1:{self.ports.telemetry}/metrics"
        self._collector = [path.resolve() for path in collector]
        self._environment = dict(environment or {})
        self._rules = [path.resolve() for path in rules]
        self._evaluation = evaluation
        self._scraped = scraped
        self._processes: dict[str, Guarded] = {}

    def __enter__(self) -> Self:
        """Start all of it and wait until it is ready.

        Raises:
            StackError: a program is missing or did not come up, or a port is taken.
        """
        missing = missing_programs()
        if missing:
            raise StackError(f"not built: {', '.join(missing)}; `make stack-programs` builds them")
        taken = self.ports.taken()
        if taken:
            raise StackError(f"taken already: {', '.join(taken)}; `native.py --any-port` takes free ones")
        try:
            self._start_jaeger()
            self._start_prometheus()
            self._wait_for("jaeger", f"{self.jaeger_url}/api/services")
            self._wait_for("prometheus", f"{self.prometheus_url}/-/ready")
            self.start_collector()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop all of it, the Collector first, so that it delivers what it holds."""
        with ExitStack() as ending:  # all of them, whatever goes wrong with one
            for name in ("jaeger", "prometheus", "otelcol"):  # the last goes first
                ending.callback(self._end, name, signal.SIGTERM)

    def start_collector(self) -> None:
        """Start the Collector and wait until it takes spans."""
        queue = self.folder / "queue"
        queue.mkdir(parents=True, exist_ok=True)
        environment = self.ports.collector_environment(queue) | self._environment
        configs = [argument for path in self._collector for argument in ("--config", str(path))]
        self._start("otelcol", configs, environment)
        self._wait_for("otelcol", f"http://127.0.0.1:{self.ports.health}/")

    def stop_collector(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Stop the Collector: with SIGKILL it has no time to deliver anything."""
        self._end("otelcol", how)

    def reload_collector(self) -> None:
        """Have the Collector read its configuration again."""
        self._processes["otelcol"].process.send_signal(signal.SIGHUP)

    def query(self, expression: str, at: float | None = None) -> list[dict[str, Any]]:
        """Return the series of a PromQL expression now, or at a Unix time."""
        parameters = {"query": expression} | ({} if at is None else {"time": str(at)})
        answer = requests.get(f"{self.prometheus_url}/api/v1/query", params=parameters, timeout=HTTP_TIMEOUT_S).json()
        if answer["status"] != "success":
            raise ValueError(f"{expression}: {answer['error']}")
        result: list[dict[str, Any]] = answer["data"]["result"]
        return result

    def log(self, name: str) -> Path:
        """Return where a program's log is."""
        return self.folder / f"{name}.log"

    def _start_jaeger(self) -> None:
        ports = self.ports
        environment = {
            "JAEGER_HTTP_PORT": str(ports.jaeger),
            "JAEGER_GRPC_PORT": str(ports.jaeger_grpc),
            "JAEGER_OTLP_PORT": str(ports.jaeger_otlp),
        }
        self._start("jaeger", ["--config", str(HERE / "jaeger.yaml")], environment)

    def _start_prometheus(self) -> None:
        files = [str(path / "*.yaml") if path.is_dir() else str(path) for path in self._rules]
        config = (HERE / "prometheus.yaml").read_text(encoding="utf-8")
        config = config.replace("  - rules/*.yaml", "\n".join(f"  - {json.dumps(name)}" for name in files) or "  []")
        config = config.replace("evaluation_interval: 15s", f"evaluation_interval: {self._evaluation}")
        if self._scraped:
            target = f"127.0.0.1:{self.ports.scrape}"
            config += (
                f"\nscrape_configs:\n  - job_name: collector\n    honor_labels: true\n    scrape_interval: 1s\n"
                f"    static_configs:\n      - targets: ['{target}']\n"
            )
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / "prometheus.yaml"
        path.write_text(config, encoding="utf-8")
        self._start(
            "prometheus",
            [
                f"--config.file={path}",
                f"--storage.tsdb.path={self.folder / 'tsdb'}",
                f"--web.listen-address=127.0.0.1:{self.ports.prometheus}",
                "--web.enable-remote-write-receiver",
                "--web.enable-lifecycle",
                "--enable-feature=exemplar-storage",
                "--log.level=warn",
            ],
            {},
        )

    def _start(self, name: str, arguments: list[str], environment: Mapping[str, str]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.log(name).open("ab") as log:
            self._processes[name] = Guarded(
                subprocess.Popen(  # noqa: S603 - a program that was built for this
                    [programs_folder() / name, *arguments],
                    env={**os.environ, **environment},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    # Ctrl-C is not for these: they end after the traffic, the Collector first.
                    start_new_session=True,
                    cwd=self.folder,
                )
            )

    def _end(self, name: str, how: signal.Signals) -> None:
        guarded = self._processes.pop(name, None)
        if guarded is None:
            return
        try:
            guarded.end(how, STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            raise StackError(f"{name} did not stop within {STOP_TIMEOUT_S:g} s; its log: {self.log(name)}") from None

    def _wait_for(self, name: str, url: str) -> None:
        end = time.monotonic() + READY_TIMEOUT_S
        while time.monotonic() < end:
            process = self._processes[name].process
            if process.poll() is not None:
                tail = self.log(name).read_text(encoding="utf-8", errors="replace")[-2000:]
                raise StackError(f"{name} ended with {process.returncode}: {tail}")
            try:
                if requests.get(url, timeout=1).ok:
                    return
            except requests.RequestException:
                pass
            time.sleep(POLL_S)
        raise StackError(f"{name} was not ready within {READY_TIMEOUT_S:g} s; its log: {self.log(name)}")


def main() -> None:
    """Run the stack and the demo's traffic until interrupted."""
    parser = argparse.ArgumentParser(description="The stack as processes on loopback, with the demo's traffic.")
    parser.add_argument("--minutes", default=None, help="stop after this long (default: until interrupted)")
    parser.add_argument("--any-port", action="store_true", help="listen on free ports instead of the usual ones")
    options = parser.parse_args()
    # A terminal that is closed, or a service manager, stops it as Ctrl-C does.
    for name in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, signal.default_int_handler)
    ports = Ports.free() if options.any_port else Ports()
    try:
        with (
            tempfile.TemporaryDirectory(prefix="carbonspan-stack-") as folder,
            Stack(Path(folder), ports=ports) as stack,
        ):
            _serve(stack, options.minutes)
    except StackError as error:
        sys.exit(f"stack: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


def _serve(stack: Stack, minutes: str | None) -> None:
    print(
        f"OTLP         {stack.otlp_http_url}\n"
        f"Prometheus   {stack.prometheus_url}/api/v1/query?query=carbon_request_emissions_grams_count\n"
        f"Jaeger       {stack.jaeger_url}/api/traces?service=research-agent\n"
        "Grafana      dashboards/*.json, imported into one of your own: docs/how-to/dashboards.md\n"
        "traffic runs until you interrupt it (Ctrl-C)",
        flush=True,
    )
    command = [sys.executable, str(HERE / "traffic.py"), "--endpoint", stack.otlp_http_url]
    if minutes:
        command += ["--minutes", minutes]
    # Interrupted only by this program, and once, so that it can send what is left.
    traffic = Guarded(subprocess.Popen(command, start_new_session=True))  # noqa: S603 - this folder's own script
    try:
        if traffic.process.wait():
            raise StackError(f"the traffic ended with {traffic.process.returncode}")
    except KeyboardInterrupt:
        print("stopping", flush=True)
    finally:
        traffic.end(signal.SIGINT, STOP_TIMEOUT_S)


if __name__ == "__main__":
    main()
