"""What readers asked the server for: one JSON document a line (conditions page, section 13).

The folders, times and content hashes of a job's requests say with what its output can be made
again.
"""

from __future__ import annotations

import json
import logging
import threading
from pathlib import Path
from types import TracebackType
from typing import IO

from mx2prod.conditions.mnvcon import Answer
from mx2prod.core.errors import OutputError
from mx2prod.core.time import now
from mx2prod.journal.events import utc_text

log = logging.getLogger("mx2prod.conditions.server")


class RequestLog:
    """Log of the requests; lines are added to its file, and go to the program's messages.

    Parameters
    ----------
    path : Path, optional

    Raises
    ------
    OutputError
        If the file cannot be opened.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._lock = threading.Lock()
        self._file: IO[str] | None = None
        if path is not None:
            try:
                self._file = path.open("a", encoding="utf-8")
            except OSError as error:
                raise OutputError(f"{path}: cannot be written: {error}") from error

    def __enter__(self) -> RequestLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        if self._file is not None:
            self._file.close()

    def write(self, path: str, query: str, answer: Answer) -> None:
        """Add a request with its answer."""
        facts = {
            "utc": utc_text(now()),
            "path": path,
            "query": query,
            "status": answer.status,
            "bytes": len(answer.body),
            **answer.facts,
        }
        level = logging.DEBUG if answer.status == 200 else logging.INFO
        log.log(level, "%s?%s: %d", path, query, answer.status)
        if self._file is not None:
            with self._lock:
                self._file.write(json.dumps(facts) + "\n")
                self._file.flush()
