# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What a file says of its own values: units, bases, marks of made-up ones; and what is said of a form nobody knows."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

from carbonspan.core.values import Basis
from carbonspan.grid.source import BadAnswer, NotCovered
from carbonspan.live.sources._file import FileSource

if TYPE_CHECKING:
    from pathlib import Path

NOON = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
DAY = (NOON - timedelta(hours=12), NOON + timedelta(hours=12))
HOUR = "2026-03-01T12:00Z"
POUND_G = 453.59237


def source(tmp_path: Path, content: Any, name: str = "hours.csv", **options: Any) -> FileSource:
    path = tmp_path / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return FileSource(path=path, **options)


def only(asked: FileSource, zone: str = "DE", basis: Basis = Basis.LIFE_CYCLE) -> tuple[float, Basis]:
    (value,) = asked.history(zone, *DAY, basis)
    return value.intensity_g_per_kwh, value.basis


def refusal(asked: FileSource, zone: str = "DE") -> str:
    with pytest.raises(BadAnswer) as caught:
        asked.history(zone, *DAY, Basis.LIFE_CYCLE)
    return f"{caught.value}; {caught.value.hint}"


@pytest.mark.parametrize(
    ("header", "row", "options", "expected"),
    [
        ("zone,hour,value_kg_per_kwh", f"DE,{HOUR},0.4", {}, 400),
        ("zone,hour,Carbon intensity (t/MWh)", f"DE,{HOUR},0.4", {}, 400),
        ("zone,hour,co2_lb_per_mwh", f"DE,{HOUR},1000", {}, POUND_G),
        ("zone,hour,value,unit", f"DE,{HOUR},0.4,kg/kWh", {}, 400),
        ("zone,hour,value,units", f"DE,{HOUR},1000,lbs_co2_per_mwh", {}, POUND_G),
        ("zone,hour,value", f"DE,{HOUR},0.4", {"unit": "kg/kWh"}, 400),
        ("zone,hour,value", f"DE,{HOUR},0.4", {"unit": "g/kWh"}, 0.4),  # as the user says
        ("zone,hour,g_per_kwh", f"DE,{HOUR},0.4", {"unit": "kg/kWh"}, 0.4),  # of values that name none
        ("zone,hour,nox_lb_per_mwh,co2_lb_per_mwh", f"DE,{HOUR},1,1000", {}, POUND_G),
        ("zone;hour;value", f"DE;{HOUR};400", {}, 400),
        ("zone\thour\tvalue", f"DE\t{HOUR}\t400", {}, 400),
    ],
)
def test_units_of_a_column_a_row_and_the_option(
    tmp_path: Path, header: str, row: str, options: dict[str, Any], expected: float
) -> None:
    value, basis = only(source(tmp_path, f"{header}\n{row}\n", **options))
    assert value == pytest.approx(expected)
    assert basis is Basis.LIFE_CYCLE


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (
            {
                "data": [{"point_time": HOUR, "value": 1000}],
                "meta": {"region": "CAISO_NORTH", "units": "lbs_co2_per_mwh", "signal_type": "co2_moer"},
            },
            (POUND_G, Basis.MARGINAL),
        ),
        ({"data": [{"hour": HOUR, "value": 0.4}], "unit": "t/MWh", "basis": "direct"}, (400, Basis.DIRECT)),
        (
            {"history": [{"datetime": HOUR, "carbonIntensity": 400}], "units": {"carbonIntensity": "gCO2eq/kWh"}},
            (400, Basis.LIFE_CYCLE),
        ),
        ([{"hour": HOUR, "carbonIntensityKgPerKwh": 0.4}], (400, Basis.LIFE_CYCLE)),
        ([{"hour": HOUR, "co2_moer": 400}], (400, Basis.MARGINAL)),
        ([{"hour": HOUR, "value": 400, "signal_type": "co2_aoer"}], (400, Basis.DIRECT)),
        ([{"point_time": HOUR, "value": 400, "datatype": "MOER"}], (400, Basis.MARGINAL)),
        ([{"point_time": HOUR, "value": 400, "datatype": "float"}], (400, Basis.LIFE_CYCLE)),
        ([{"hour": HOUR, "direct": 1, "lifecycle carbon": 400}], (400, Basis.LIFE_CYCLE)),
    ],
)
def test_units_and_bases_of_json(tmp_path: Path, content: Any, expected: tuple[float, Basis]) -> None:
    value, basis = only(source(tmp_path, content, "hours.json", zone="US-CAL-CISO"), "US-CAL-CISO")
    assert value == pytest.approx(expected[0])
    assert basis is expected[1]


def test_a_region_of_watttime_is_its_zone_where_nothing_else_names_one(tmp_path: Path) -> None:
    content = {"data": [{"point_time": HOUR, "value": 1}], "meta": {"region": "CAISO_NORTH", "units": "g/kWh"}}
    assert only(source(tmp_path, content, "hours.json"), "US-CAL-CISO")[0] == 1
    assert only(source(tmp_path, content, "hours.json", zone="DE"), "DE")[0] == 1
    content["meta"] = {"region": "somewhere"}
    assert "no zone" in refusal(source(tmp_path, content, "hours.json"))


def test_a_basis_by_the_name_of_a_signal(tmp_path: Path) -> None:
    asked = source(tmp_path, f"zone,hour,value\nDE,{HOUR},400\n", basis="co2_moer")
    assert only(asked) == (400, Basis.MARGINAL)


def test_values_that_are_hardly_g_per_kwh_are_refused_and_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    text = f"zone,hour,value\nIN-WE,{HOUR},0.85\nDE,{HOUR},400\n"
    asked = source(tmp_path, text)
    assert "0.85 g/kWh in the middle, where IN-WE has 653 in a year" in refusal(asked, "IN-WE")
    assert "option unit" in refusal(asked, "IN-WE")
    assert only(asked)[0] == 400  # another zone of the file
    asked = source(tmp_path, text + f"DE,{HOUR},401\n")
    assert "option unit" in refusal(asked, "IN-WE")
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 2  # one a source
    assert "hardly g/kWh, and not used" in lines[0]


def test_a_file_that_is_read_again_is_doubted_once_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    asked = source(tmp_path, f"zone,hour,value\nIN-WE,{HOUR},0.85\n")
    refusal(asked, "IN-WE")
    (tmp_path / "hours.csv").write_text(f"zone,hour,value\nIN-WE,{HOUR},0.85\nIN-WE,2026-03-01T13:00Z,0.855\n", "utf-8")
    refusal(asked, "IN-WE")
    assert len(caplog.records) == 1


@pytest.mark.parametrize(("basis", "lines"), [("life-cycle", 1), ("marginal", 0), ("co2_moer", 0)])
def test_values_that_may_be_pounds_are_used_and_asked_about(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, basis: str, lines: int
) -> None:
    hours = "".join(f"US-CAL-CISO,2026-03-01T{hour:02}:00Z,560\n" for hour in range(24))
    asked = source(tmp_path, f"zone,hour,value\n{hours}", basis=basis)
    assert len(asked.history("US-CAL-CISO", *DAY, Basis.LIFE_CYCLE)) == 24
    assert [("lb/MWh?" in record.getMessage()) for record in caplog.records] == [True] * lines


@pytest.mark.parametrize(
    ("header", "end", "asks"),
    [
        ("zone,hour,co2_moer", "", True),
        ("zone,hour,value,signal_type", ",co2_moer", True),
        ("zone,hour,co2_moer,unit", ",g/kWh", False),
        ("zone,hour,value,basis", ",marginal", False),
    ],
)
def test_a_signal_of_watttime_without_its_unit_is_asked_about(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, header: str, end: str, *, asks: bool
) -> None:
    asked = source(tmp_path, f"{header}\nUS-CAL-CISO,{HOUR},560{end}\n")
    assert only(asked, "US-CAL-CISO", Basis.MARGINAL) == (560, Basis.MARGINAL)
    assert ["lb/MWh? They are taken as g/kWh" in record.getMessage() for record in caplog.records] == [True] * asks


def test_one_file_in_another_unit_does_not_spoil_a_folder(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for hour in range(6):
        value = "0.85" if hour in {2, 3} else "850.5"
        (tmp_path / f"{hour}.csv").write_text(f"zone,hour,value\nIN-WE,2026-03-01T0{hour}:00Z,{value}\n", "utf-8")
    found = FileSource(path=tmp_path).history("IN-WE", *DAY, Basis.LIFE_CYCLE)
    assert [(value.hour.hour, value.intensity_g_per_kwh) for value in found] == [(h, 850.5) for h in (0, 1, 4, 5)]
    (line,) = caplog.records  # of a series, not of each file
    assert "2.csv are hardly g/kWh, and not used" in line.getMessage()


def test_a_zone_whose_values_are_all_doubted_is_still_served(tmp_path: Path) -> None:
    asked = source(tmp_path, f"zone,hour,value\nIN-WE,{HOUR},0.85\n")
    refusal(asked, "IN-WE")
    assert asked.serves("IN-WE", Basis.LIFE_CYCLE)
    assert asked.capabilities().zones == {"IN-WE"}


def test_a_basis_in_doubt_gives_way_to_the_other(tmp_path: Path) -> None:
    asked = source(tmp_path, f"zone,hour,value,basis\nIN-WE,{HOUR},0.85,life-cycle\nIN-WE,{HOUR},850,direct\n")
    assert only(asked, "IN-WE") == (850, Basis.DIRECT)


@pytest.mark.parametrize(
    ("content", "name", "said"),
    [
        ("zone,hour,value\nDE,2026-03-01T12:00Z,850000\n", "a.csv", "is it in another unit?"),
        ("zone,hour,value,unit\nDE,2026-03-01T12:00Z,1,MW\n", "a.csv", "an unknown unit 'MW'; known: mass per energy"),
        (
            "zone,hour,value,signal_type\nDE,2026-03-01T12:00Z,1,health_damage\n",
            "a.csv",
            "unknown basis 'health_damage'; known",
        ),
        ("zone,hour,value,quality\nDE,2026-03-01T12:00Z,1,good\n", "a.csv", "unknown quality 'good'; known"),
        ("zone;hour;value\nDE;2026-03-01T12:00Z;1,5\n", "a.csv", "'1,5' has a decimal comma"),
        ("Location,Time,Rating\nDE,2026-03-01T12:00Z,1\n", "a.csv", "no value among Location, Time, Rating"),
        (b"\xff\xfeL\x00o\x00c\x00\n\x00", "a.csv", "no value among Loc"),
        (b"zone,hour,value\nDE,\xe4,1\n", "a.csv", "not UTF-8"),
        ({"Emissions": [{"Location": "NL", "Rating": 65}]}, "a.json", "Emissions has 1 rows of Location, Rating"),
        ({"DE": {"x": 1}, "FR": {}}, "a.json", "found the keys DE, FR"),
        ({"data": None}, "a.json", "found the keys data"),
        ("5", "a.json", "found a number"),
        ("null", "a.json", "found nothing"),
        ([[1, 2]], "a.json", "not an object but found a list"),
        ([{"Location": "NL", "Rating": 65}], "a.json", "no value among Location, Rating"),
        ([{"from": HOUR, "value": 65}], "a.json", "no hour among from, value"),
        ("hour,value\n01/03/2026 12:00,65\n", "a.csv", "no hour: '01/03/2026 12:00' is neither ISO 8601"),
        ("hour,value\n1960-01-01,65\n", "a.csv", "an hour before 1970"),
        ("hour,value,Data estimation method\n2026-03-01,65,SANDBOX_MODE_DATA\n", "a.csv", "a value that is made up"),
        ({"data": [{"hour": HOUR, "value": 1}], "warning": "randomly generated"}, "a.json", "made up"),
        ({"data": [{"hour": HOUR, "value": 1}], "notes": [5, "For testing."]}, "a.json", "made up"),
        ({"data": [{"hour": HOUR, "value": 1}], "meta": {"Sandbox": True}}, "a.json", "made up"),
        ('{"data": [\n1,,2]}', "a.json", "not JSON: Expecting value in line 2, column 3"),
        ({"data": [{"hour": HOUR, "value": 1}], "_disclaimer": "SANDBOX MODE"}, "a.json", 'made up: it says "sandbox"'),
        ([{"hour": HOUR, "value": 1, "estimationMethod": "SANDBOX_MODE_DATA"}], "a.json", "values that are made up"),
        (
            [{"hour": HOUR, "value": 1}, {"hour": HOUR, "value": 2, "sandbox": True}],
            "a.json",
            "values that are made up",
        ),
        ("hour,value,sandbox\n2026-03-01T12:00Z,65,True\n", "a.csv", "a value that is made up"),
    ],
)
def test_why_a_file_cannot_be_used(tmp_path: Path, content: Any, name: str, said: str) -> None:
    assert said in refusal(source(tmp_path, content, name, zone="DE"))


def test_long_names_are_cut_and_many_are_not_all_named(tmp_path: Path) -> None:
    said = refusal(source(tmp_path, {"x" * 1000: 1, **{f"key{n}": n for n in range(9)}}, "a.json"))
    assert len(said) < 600
    assert "key4, ..." in said


def test_utf_16_as_excel_writes_it(tmp_path: Path) -> None:
    text = f"zone\thour\tvalue\r\nDE\t{HOUR}\t400\r\n"
    assert only(source(tmp_path, text.encode("utf-16")))[0] == 400
    content = json.dumps([{"zone": "DE", "hour": HOUR, "value": 400}])
    assert only(source(tmp_path, content.encode("utf-16"), "hours.json"))[0] == 400


def test_a_mistaken_zone_names_the_right_one(tmp_path: Path) -> None:
    asked = source(tmp_path, f"zone,hour,value\nUK,{HOUR},400\n")
    with pytest.raises(NotCovered) as caught:
        asked.history("GB", *DAY, Basis.LIFE_CYCLE)
    assert caught.value.hint == "the file has UK: the zone's name is GB"
    with pytest.raises(NotCovered) as caught:
        asked.history("FR", *DAY, Basis.LIFE_CYCLE)
    assert caught.value.hint == "the file has only UK"
    with pytest.raises(NotCovered) as caught:
        source(tmp_path, "zone,hour,value\n").history("FR", *DAY, Basis.LIFE_CYCLE)
    assert caught.value.hint == "the file has no hours"
    with pytest.raises(ValueError, match=r"zone='US-CA' is not allowed; allowed: .* did you mean US-CAL-CISO"):
        FileSource(path="hours.csv", zone="US-CA")


def test_a_unit_that_is_none() -> None:
    with pytest.raises(ValueError, match="unit='MW' is not allowed; allowed: mass per energy, as g/kWh"):
        FileSource(path="hours.csv", unit="MW")
