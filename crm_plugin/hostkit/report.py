"""The Markdown report of the kit: what the host offers, how fast, and what its author should look at."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from statistics import median

from crm_plugin.host import records as r
from crm_plugin.host.answer_checks import known_fields
from crm_plugin.hostkit.survey import Survey, peak_memory

CLAIMS = ("message", "message.idempotent", "layout", "pins", "figures", "consent.write", "convert")


@dataclass
class Report:
    """Collected while the checks run."""

    target: str
    plugin: object
    info: r.HostInfo | None = None
    surveys: dict[str, Survey] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def lines(self) -> Iterator[str]:
        """Yield the report, line by line."""
        yield f"### {self.target}"
        if self.info is None:
            yield "The host's facts could not be read."
            return
        info = self.info
        version = f"{info.host_name} {info.host_version}".strip()
        yield f"{version} · {info.site_name} · contract {info.contract}"
        yield ""
        yield "| stream | rows | fields known | changes | page of 1,000 (median / slowest) |"
        yield "|---|---:|---:|---|---:|"
        yield from (self._stream(stream, info) for stream in r.STREAMS)
        yield ""
        yield "| capability | claimed |"
        yield "|---|---|"
        yield from (f"| {claim} | {_mark(claim in info.capabilities)} |" for claim in CLAIMS)
        yield ""
        yield f"Peak memory {peak_memory()}."
        yield from (f"- **warning** {warning}" for warning in self.warnings)

    def _stream(self, stream: str, info: r.HostInfo) -> str:
        if stream not in info.streams:
            return f"| {stream} | – | – | – | – |"
        found = self.surveys.get(stream)
        rows = f"{len(found.ids):,}" if found else "failed"
        times = _times(found.page_seconds) if found else "–"
        known = sum(not name.startswith("attributes.") for name in info.fields.get(stream, ()))
        possible = len(known_fields(stream)) - (stream == "persons")
        changes = _mark(f"changes.{stream}" in info.capabilities)
        return f"| {stream} | {rows} | {known} of {possible} | {changes} | {times} |"


def _mark(yes: bool) -> str:
    return "✔" if yes else "✖"


def _times(seconds: list[float]) -> str:
    return f"{median(seconds) * 1000:.0f} / {max(seconds) * 1000:.0f} ms" if seconds else "–"
