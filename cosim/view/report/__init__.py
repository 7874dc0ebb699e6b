"""One self-contained HTML page about a folder of results, and a picture of each of its figures."""

from .build import WrittenReport, build_report, write_report
from .sources import ReportSources

__all__ = ["ReportSources", "WrittenReport", "build_report", "write_report"]
