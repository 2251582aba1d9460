"""Tables as files: CSV and XLSX that no spreadsheet program takes for formulas."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import IO, Any

import xlsxwriter

BOM = "\ufeff"
"""Without it, Excel reads a CSV file in the code page of the machine."""
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
"""First letters of a cell that a spreadsheet program may take for a formula (OWASP, CSV injection).

Their full-width forms count as well: East Asian versions read them alike.
"""
_QUOTED = re.compile('[",;\\t\\r\\n]')
"""What may end a cell: programs of many countries part them by semicolons, whatever the file says."""
_UNSEEN = "\ufeff\u200b\u200e\u200f\u2060"
"""Marks that programs skip before the first letter."""
LONGEST_CELL = 32_767
"""Letters of a cell in XLSX (Excel specifications and limits)."""
MOST_ROWS = 1_048_575
"""Rows of an XLSX sheet below its heading (the same)."""
_OPTIONS = {
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
}

Row = Sequence[Any]
"""Texts, numbers, naive local times, flags and None."""


def safe(value: Any) -> Any:
    """Return a cell of CSV; a text that could be read as a formula gets an apostrophe before it."""
    if isinstance(value, datetime):
        return value.isoformat(" ", "seconds")
    if isinstance(value, str) and _plain(value.lstrip(_UNSEEN)[:1]).startswith(FORMULA):
        return f"'{value}"
    return value


def _plain(letter: str) -> str:
    return letter if letter.isascii() else unicodedata.normalize("NFKC", letter)


def csv_heading(heading: Sequence[str]) -> bytes:
    """Return the first line of a CSV file."""
    return (BOM + _line(heading)).encode()


def csv_lines(rows: Iterable[Row]) -> bytes:
    """Return further lines of it."""
    return "".join(map(_line, rows)).encode()


def csv_parts(heading: Sequence[str], rows: Iterable[Row], size: int = 500) -> Iterator[bytes]:
    """Return a CSV file in parts of ``size`` rows: UTF-8 with BOM, comma, CR LF (RFC 4180)."""
    lines = [BOM + _line(heading)]
    for number, row in enumerate(rows, 1):
        lines.append(_line(row))
        if number % size == 0:
            yield "".join(lines).encode()
            lines = []
    yield "".join(lines).encode()


def _line(row: Row) -> str:
    return ",".join(map(_written, row)) + "\r\n"


def _written(value: Any) -> str:
    if value is None:
        return ""
    text = str(safe(value))
    return '"' + text.replace('"', '""') + '"' if _QUOTED.search(text) else text


def write_xlsx(file: IO[bytes], heading: Sequence[str], rows: Iterable[Row]) -> None:
    """Write an XLSX file in constant memory.

    Texts are written as texts and never as formulas or links, whatever they begin with.
    """
    with xlsxwriter.Workbook(file, _OPTIONS) as book:
        sheet = book.add_worksheet()
        bold = book.add_format({"bold": True})
        time = book.add_format({"num_format": "yyyy-mm-dd hh:mm"})
        for column, text in enumerate(heading):
            sheet.write_string(0, column, text, bold)
        sheet.freeze_panes(1, 0)
        sheet.set_column(0, max(len(heading) - 1, 0), 18)
        for line, row in enumerate(rows, 1):
            for column, value in enumerate(row):
                _cell(sheet, (line, column), value, time)


def _cell(sheet: Any, place: tuple[int, int], value: Any, time: Any) -> None:
    if value is None or value == "":
        return
    if isinstance(value, datetime):
        sheet.write_datetime(*place, value, time)
    elif isinstance(value, bool):
        sheet.write_boolean(*place, value)
    elif isinstance(value, int | float | Decimal):
        sheet.write_number(*place, value)
    else:
        sheet.write_string(*place, str(value)[:LONGEST_CELL])
