"""One self-contained HTML page about a folder of results, and a picture of each of its figures."""

from .build import Report, build_report, write_report
from .sources import Sources

__all__ = ["Report", "Sources", "build_report", "write_report"]
