"""One job on one file: the only room that joins science, output and metadata."""

from mx2prod.production.process import process
from mx2prod.production.report import FileReport, OutputReport, ProcessReport

__all__ = ["FileReport", "OutputReport", "ProcessReport", "process"]
