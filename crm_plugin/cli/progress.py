"""Progress bars in a terminal; plain lines where there is none."""

import sys
from types import TracebackType

from crm_plugin.profiles.sync.service import Progress

_WIDTH = 28


class Bars:
    """One bar per stream, drawn on standard error.

    :param quiet: draw nothing.
    """

    def __init__(self, quiet: bool = False) -> None:
        self._quiet = quiet
        self._live = sys.stderr.isatty()
        self._stream = ""

    def __enter__(self) -> "Bars":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live and self._stream and not self._quiet:
            sys.stderr.write("\n")

    def show(self, progress: Progress) -> None:
        """Draw how far a stream is."""
        if self._quiet:
            return
        if self._live:
            self._draw(progress)
        elif progress.state != "scanning":
            sys.stderr.write(f"{progress.stream}: {progress.done:,} rows, {progress.state}\n")

    def _draw(self, progress: Progress) -> None:
        if self._stream and self._stream != progress.stream:
            sys.stderr.write("\n")
        self._stream = progress.stream
        sys.stderr.write(f"\r\x1b[K{progress.stream:<12}{_bar(progress)} {progress.done:>10,}")
        sys.stderr.flush()


def _bar(progress: Progress) -> str:
    if progress.state != "scanning":
        share = 1.0
    elif progress.estimate:
        share = min(1.0, progress.done / progress.estimate)
    else:
        return "?" * _WIDTH
    full = int(share * _WIDTH)
    return "█" * full + "░" * (_WIDTH - full)
