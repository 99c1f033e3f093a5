# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The containers of the example are the versions that are tested here, and are given files that exist."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import requests
import yaml

from examples.stack.native import Ports, Stack, StackError
from tests.stack.running import REPOSITORY, WAIT_S, wait_until

if TYPE_CHECKING:
    from pathlib import Path

STACK = REPOSITORY / "examples" / "stack"
# Not built here, so that their tags are pinned, but untried.
UNTRIED = {"grafana/tempo", "grafana/grafana"}


def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((STACK / "compose.yaml").read_text(encoding="utf-8"))
    return found


def images() -> dict[str, str]:
    named = (service["image"].split(":") for service in compose()["services"].values())
    return dict(named)


def test_every_image_is_pinned() -> None:
    assert all(re.fullmatch(r"v?\d+\.\d+(\.\d+)?(-slim)?", tag) for tag in images().values()), images()


def test_the_containers_are_of_the_versions_built_here() -> None:
    builder = yaml.safe_load((REPOSITORY / "collector-config" / "builder.yaml").read_text(encoding="utf-8"))
    collector = {line["gomod"].split(" v")[1] for kind in ("receivers", "processors") for line in builder[kind]}
    assert collector == {images()["otel/opentelemetry-collector-contrib"]}
    go_mod = (STACK / "programs" / "prometheus" / "go.mod").read_text(encoding="utf-8")
    minor, patch = re.search(r"github.com/prometheus/prometheus v0\.3(\d\d)\.(\d+)", go_mod).groups()  # type: ignore[union-attr]
    # As a Go module Prometheus 3.14.0 is v0.314.0.
    assert images()["prom/prometheus"] == f"v3.{int(minor)}.{patch}"
    assert images().keys() - UNTRIED == {"otel/opentelemetry-collector-contrib", "prom/prometheus", "python"}


def test_what_is_mounted_exists() -> None:
    for name, service in compose()["services"].items():
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            if source.startswith("."):
                assert (STACK / source).exists(), (name, volume)
            else:
                assert source in compose()["volumes"], (name, volume)


def test_the_collector_is_given_the_variables_it_reads() -> None:
    agent = (REPOSITORY / "collector-config" / "agent.yaml").read_text(encoding="utf-8")
    read = set(re.findall(r"\$\{env:(\w+)", agent))
    assert compose()["services"]["collector"]["environment"].keys() <= read


def test_data_sources_point_at_the_services() -> None:
    sources = yaml.safe_load((STACK / "grafana" / "datasources" / "stack.yaml").read_text(encoding="utf-8"))
    hosts = {re.match(r"http://(\w+):", source["url"]).group(1) for source in sources["datasources"]}  # type: ignore[union-attr]
    assert hosts == {"prometheus", "tempo"}
    linked = {
        target["datasourceUid"]
        for source in sources["datasources"]
        for target in source.get("jsonData", {}).get("exemplarTraceIdDestinations", ())
    }
    assert linked <= {source["uid"] for source in sources["datasources"]}


def test_the_native_stack_runs_and_says_where_to_look(programs: None) -> None:  # noqa: ARG001 - must be there
    command = [sys.executable, str(STACK / "native.py"), "--any-port", "--minutes", "0.05"]
    said = subprocess.run(command, capture_output=True, text=True, check=True, cwd=REPOSITORY)  # noqa: S603
    assert {"OTLP", "Prometheus", "Jaeger", "Grafana"} <= {line.split(" ")[0] for line in said.stdout.splitlines()}
    assert re.search(r"\d+ tasks, \d+ model calls, \d+\.\d+ gCO2e \(estimate\)", said.stdout)
    assert said.stderr == ""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_the_native_stack_leaves_nothing_running(
    programs: None,  # noqa: ARG001 - must be there
    tmp_path: Path,
    how: signal.Signals,
) -> None:
    command = [sys.executable, "-u", str(STACK / "native.py"), "--any-port"]
    # In a folder of its own: a process that is killed leaves its files behind.
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    with subprocess.Popen(  # noqa: S603 - the example's script
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=REPOSITORY, env=environment
    ) as native:
        assert native.stdout
        ports = []
        for line in native.stdout:
            ports += re.findall(r"http://127.0.0.1:(\d+)", line)
            if "traffic runs until" in line:
                break
        assert len(ports) == len({"OTLP", "Prometheus", "Jaeger"})
        assert all(listens(port) for port in ports)
        wait_until("the traffic", lambda: served(ports[1]))
        native.send_signal(how)
        said, _ = native.communicate(timeout=WAIT_S)  # until the last that could write has ended, the traffic too
    wait_until("the end of the programs", lambda: not any(listens(port) for port in ports))
    if how != signal.SIGKILL:
        assert re.search(r"stopping\n.*\d+ tasks, \d+ model calls", said, re.DOTALL), said
        assert "Traceback" not in said
        assert not list(tmp_path.iterdir())


def served(prometheus: str) -> bool:
    """Return whether the traffic has begun, so that there is something to deliver at the end."""
    address = f"http://127.0.0.1:{prometheus}/api/v1/query"
    found = requests.get(address, params={"query": "carbonspan_spans_total"}, timeout=WAIT_S).json()
    return bool(found["data"]["result"])


def listens(port: str) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", int(port))) == 0


def test_the_native_stack_does_not_settle_on_taken_ports(programs: None, tmp_path: Path) -> None:  # noqa: ARG001
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(StackError, match=rf"prometheus \({port}\)"):
            Stack(tmp_path, ports=Ports.free()._replace(prometheus=port)).__enter__()
