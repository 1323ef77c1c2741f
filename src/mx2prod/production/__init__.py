"""One job on one file: the only room that joins science, output and metadata."""

from mx2prod.production.job_constants import JobConstants, open_constants
from mx2prod.production.process import process
from mx2prod.production.report import FileReport, OutputReport, ProcessReport

__all__ = [
    "FileReport",
    "JobConstants",
    "OutputReport",
    "ProcessReport",
    "open_constants",
    "process",
]
