# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The dashboards' JSON has the types that Grafana publishes, in each major it must work on.

`@grafana/schema` is generated from Grafana's own schemas, one version for each of Grafana's. TypeScript checks a panel
as a `Panel`, its options and field settings, those of overrides too, as those of its panel type, and a query to Tempo
as a `TempoQuery`. Required fields count; a field that Grafana does not know is an error.
"""

from __future__ import annotations

import copy
import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from dashboards.queries import files, panels
from tests.stack.needed import npm_packages, on_the_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PACKAGES = Path(__file__).resolve().parent / "grafana-schema"
MAJORS = (11, 12, 13)

# Enums are written in JSON as their values; and what a number or a flag is stays so.
JSON_TYPES = """
type Json<T> = T extends string ? `${T}` : T extends number | boolean | null | undefined ? T
  : T extends (infer E)[] ? Json<E>[] : T extends object ? { [K in keyof T]: Json<T[K]> } : T;
"""


@pytest.fixture(scope="session")
def node_modules() -> Path:
    """Return the folder of the installed packages: into the cache, once for each state of the lock."""
    return npm_packages("grafana-schema", sorted(PACKAGES.iterdir())) / "node_modules"


class Schema:
    """Grafana's types of one major, and TypeScript to check by them."""

    def __init__(self, node_modules: Path, major: int, folder: Path) -> None:
        self._package = node_modules / f"grafana-schema-{major}"
        self._typescript = node_modules / "typescript" / "bin" / "tsc"
        self._folder = folder
        (folder / "node_modules").symlink_to(node_modules)
        options = {
            "strict": True,
            "noEmit": True,
            "skipLibCheck": True,
            "target": "es2022",
            "module": "esnext",
            "moduleResolution": "bundler",
            "types": [],
            # The published types import each other by the package's own name.
            "paths": {"@grafana/schema": [f"./node_modules/grafana-schema-{major}"]},
        }
        (folder / "tsconfig.json").write_text(json.dumps({"compilerOptions": options, "include": ["*.ts"]}))

    def errors(self, board: dict[str, Any]) -> list[str]:
        """Return what TypeScript finds wrong with a dashboard."""
        (self._folder / "board.ts").write_text("\n".join(self._source(board)), encoding="utf-8")
        command = [on_the_path("node"), str(self._typescript), "--pretty", "false"]
        run = subprocess.run(command, cwd=self._folder, check=False, capture_output=True, text=True)  # noqa: S603 - tsc
        return [line for line in run.stdout.splitlines() if "error TS" in line] or ["tsc failed"] * (
            run.returncode != 0
        )

    def _source(self, board: dict[str, Any]) -> Iterator[str]:
        yield self._import("Dashboard, Panel, RowPanel, VariableModel", "raw/dashboard/x")
        yield JSON_TYPES
        shell = {key: value for key, value in board.items() if key not in ("panels", "templating")}
        yield _satisfies(shell, "Json<Dashboard>")
        for variable in board["templating"]["list"]:
            yield _satisfies(variable, "Json<VariableModel>")
        for row in board["panels"]:
            if row["type"] == "row":
                yield _satisfies({**row, "panels": []}, "Json<RowPanel>")
        for number, panel in enumerate(panels(board)):
            yield from self._panel(panel, f"p{number}")

    def _panel(self, panel: dict[str, Any], name: str) -> Iterator[str]:
        # Options are unknown to `Panel`: they belong to the panel's type.
        yield _satisfies({key: value for key, value in panel.items() if key != "options"}, "Json<Panel>")
        kind = panel["type"]
        yield self._import(f"Options as {name}Options", f"composable/{kind}/panelcfg/x")
        yield _satisfies(panel["options"], f"Json<{name}Options>")
        custom = [dict(panel["fieldConfig"]["defaults"].get("custom", {}))]
        properties = [p for o in panel["fieldConfig"]["overrides"] for p in o["properties"]]
        custom += [{p["id"].removeprefix("custom."): p["value"]} for p in properties if p["id"].startswith("custom.")]
        if any(custom):
            yield self._import(f"FieldConfig as {name}Custom", f"composable/{kind}/panelcfg/x")
            for settings in custom:
                yield _satisfies(settings, f"Partial<Json<{name}Custom>>")
        for index, target in enumerate(panel["targets"]):
            # From Grafana 13 on, data sources publish their own types.
            if target["datasource"]["type"] == "tempo" and (found := self._types("composable/tempo/dataquery/x")):
                yield f'import type {{ TempoQuery as {name}Query{index} }} from "{found}";'
                yield _satisfies(target, f"Json<{name}Query{index}>")

    def _import(self, names: str, where: str) -> str:
        found = self._types(where)
        assert found is not None, f"no types in {where} of {self._package}"
        return f'import type {{ {names} }} from "{found}";'

    def _types(self, where: str) -> str | None:
        # Grafana 11 has them beside the code, later ones in a folder of their own.
        found = sorted(self._package.glob(f"dist/**/{where}/*.d.ts"), key=lambda path: "/esm/" in str(path))
        return f"./node_modules/{found[0].relative_to(self._package.parent)}".removesuffix(".d.ts") if found else None


def _satisfies(value: Any, kind: str) -> str:
    return f"({json.dumps(value)}) satisfies {kind};"


@pytest.fixture(params=MAJORS, ids=lambda major: f"Grafana {major}")
def schema(request: pytest.FixtureRequest, node_modules: Path, tmp_path: Path) -> Schema:
    return Schema(node_modules, request.param, tmp_path)


def read(path: Path) -> dict[str, Any]:
    board: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return board


@pytest.mark.parametrize("path", files(), ids=lambda path: path.name)
def test_a_dashboard_has_the_types_that_grafana_publishes(schema: Schema, path: Path) -> None:
    assert schema.errors(read(path)) == []


def first(board: dict[str, Any], kind: str) -> dict[str, Any]:
    return next(panel for panel in panels(board) if panel["type"] == kind)


BREAKS: dict[str, Callable[[dict[str, Any]], None]] = {
    "a field of a panel that does not exist": lambda board: first(board, "stat").update(colour="red"),
    "a title that is a number": lambda board: first(board, "stat").update(title=1),
    "an option that does not exist": lambda board: first(board, "stat")["options"].update(colourMode="value"),
    "an option's value that does not exist": lambda board: first(board, "stat")["options"].update(colorMode="loud"),
    "a legend at a place there is not": lambda board: first(board, "timeseries")["options"]["legend"].update(
        placement="left"
    ),
    "a line of no known style": lambda board: first(board, "timeseries")["fieldConfig"]["defaults"]["custom"].update(
        lineInterpolation="wavy"
    ),
    "an override of a setting that does not exist": lambda board: first(board, "table")["fieldConfig"][
        "overrides"
    ].append({"matcher": {"id": "byName", "options": "x"}, "properties": [{"id": "custom.wide", "value": 1}]}),
    "a variable of no known type": lambda board: board["templating"]["list"][0].update(type="choice"),
    "a refresh of variables there is not": lambda board: board["templating"]["list"][2].update(refresh=9),
    "a time range without an end": lambda board: board["time"].pop("to"),
}


@pytest.mark.parametrize("breaks", BREAKS.values(), ids=BREAKS)
def test_what_is_wrong_is_found(node_modules: Path, tmp_path: Path, breaks: Callable[[dict[str, Any]], None]) -> None:
    board = copy.deepcopy(read(next(path for path in files() if path.stem == "carbonspan-overview")))
    breaks(board)
    assert Schema(node_modules, MAJORS[-1], tmp_path).errors(board)


def test_the_lock_file_names_no_registry() -> None:
    assert "resolved" not in (PACKAGES / "package-lock.json").read_text(encoding="utf-8")
