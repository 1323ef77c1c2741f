"""The job that made a file: the members of ``dune.workflow``."""

from __future__ import annotations

import getpass
import platform
from dataclasses import dataclass, fields
from typing import Any

LOCAL_SITE = "local"


@dataclass(frozen=True)
class Job:
    """One job.

    Attributes
    ----------
    jobscript_start : int
        UTC seconds.
    jobscript_finish : int or None
        UTC seconds; None where nobody noted it.
    workflow_id, stage_id : int or None
        Of the workflow system; None for a job that none started, whose outputs are never declared.
    site_name, user, hostname : str or None
    jobscript_cpu_seconds, jobscript_max_rss_bytes : int or None
    cpuinfo, os_release, job_id : str or None
    """

    jobscript_start: int
    jobscript_finish: int | None = None
    workflow_id: int | None = None
    stage_id: int | None = None
    site_name: str | None = None
    user: str | None = None
    hostname: str | None = None
    jobscript_cpu_seconds: int | None = None
    jobscript_max_rss_bytes: int | None = None
    cpuinfo: str | None = None
    os_release: str | None = None
    job_id: str | None = None

    @classmethod
    def local(
        cls,
        start: float,
        finish: float,
        *,
        cpu_seconds: float | None = None,
        max_rss_bytes: int | None = None,
    ) -> Job:
        """Describe a job that this process ran, on this machine.

        Parameters
        ----------
        start, finish : float
            UTC seconds.
        cpu_seconds : float, optional
        max_rss_bytes : int, optional
        """
        return cls(
            jobscript_start=int(start),
            jobscript_finish=int(finish),
            site_name=LOCAL_SITE,
            user=_user(),
            hostname=_printable(platform.node()),
            jobscript_cpu_seconds=None if cpu_seconds is None else round(cpu_seconds),
            jobscript_max_rss_bytes=max_rss_bytes,
            os_release=_printable(platform.release()),
        )

    def as_workflow(self) -> dict[str, Any]:
        """Members of ``dune.workflow``; those without a value are left out."""
        members = {item.name: getattr(self, item.name) for item in fields(self)}
        if self.jobscript_finish is not None:
            members["jobscript_real_seconds"] = self.jobscript_finish - self.jobscript_start
        return {key: value for key, value in members.items() if value not in (None, "")}


def _user() -> str | None:
    try:
        return _printable(getpass.getuser())
    except (KeyError, OSError):
        return None  # an account without a name, as some containers have


def _printable(text: str) -> str:
    """Keep what MetaCat stores unchanged (metadata page, section 3)."""
    return "".join(c for c in text if c.isascii() and c.isprintable() and c not in "\\\"'")
