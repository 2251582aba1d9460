"""Files that no spreadsheet program takes for formulas."""

import csv
import io
import zipfile
from datetime import datetime
from decimal import Decimal

import pytest

from crm_plugin.segments.bulk.spreadsheet import BOM, LONGEST_CELL, csv_parts, safe, write_xlsx

HOSTILE = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "＝1+1",
    "＋1",
    "－1",
    "＠SUM(A1)",
    "\ufeff=1",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_text_that_could_be_calculated_gets_an_apostrophe(text: str) -> None:
    assert safe(text) == f"'{text}"


@pytest.mark.parametrize("value", [None, 0, -5, Decimal("-1.50"), True, "", "a=b", " =1"])
def test_other_values_stay_as_they_are(value: object) -> None:
    assert safe(value) == value


def test_csv_comes_in_parts_and_reads_back() -> None:
    rows = [[f"row {number}", 'with, comma and "quotes"', number] for number in range(7)]
    parts = list(csv_parts(["Text", "Hard", "=Number"], rows, size=3))
    assert len(parts) == 3
    text = b"".join(parts).decode()
    assert text.startswith(BOM)
    read = list(csv.reader(io.StringIO(text.removeprefix(BOM), newline="")))
    assert read[0] == ["Text", "Hard", "'=Number"]
    assert [[one, two, int(three)] for one, two, three in read[1:]] == rows


def test_a_semicolon_ends_no_cell() -> None:
    """Where Excel parts cells by semicolons, an unquoted one would begin a cell of somebody's choice."""
    text = b"".join(csv_parts(["Name"], [["Ann;=1+1"], ["a\tb"], ["王；芳"], [None], [1.5]])).decode()
    assert text.removeprefix(BOM).split("\r\n") == ["Name", '"Ann;=1+1"', '"a\tb"', "王；芳", "", "1.5", ""]


def test_xlsx_holds_texts_numbers_and_times_but_no_formula() -> None:
    file = io.BytesIO()
    when = datetime(2026, 11, 22, 8, 30)
    row = [*HOSTILE, "https://x.example", None, "", 7, Decimal("2.50"), True, when, "x" * (LONGEST_CELL + 9)]
    write_xlsx(file, ["=A"] * len(row), [row])
    sheet = zipfile.ZipFile(file).read("xl/worksheets/sheet1.xml").decode()
    assert "<f>" not in sheet
    assert "hyperlink" not in sheet
    assert "<v>7</v>" in sheet
    assert "<v>2.50</v>" in sheet
    assert "=1+1" in sheet
    assert "x" * LONGEST_CELL in sheet
    assert "x" * (LONGEST_CELL + 1) not in sheet
