"""What went wrong in a database, in words, with the next command."""

from __future__ import annotations

import re
import sqlite3

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from mx2prod.core.errors import GuardError, StoreError
from mx2prod.core.secrets import redact

GUARD = "mx2 guard: "
"""Every trigger of ours begins its message with this."""

_SQLITE = {
    "BUSY": ("another program writes to it and did not end", "try again; mx2 doctor"),
    "LOCKED": ("another program writes to it and did not end", "try again; mx2 doctor"),
    "READONLY": ("it is read-only", "ls -l {path}"),
    "FULL": ("the disk is full, nothing was changed", "df -h"),
    "IOERR": ("the disk refuses (full, or broken), nothing was changed", "df -h"),
    "CANTOPEN": ("it cannot be opened", "ls -l {path}"),
    "NOTADB": ("it is not a database", "file {path}"),
    "CORRUPT": ("it is damaged", "mx2 workspace restore"),
}
_POSTGRESQL = {
    "55P03": ("another program writes to it and did not end", "try again; mx2 doctor"),
    "25006": ("it is read-only", "ask its administrator"),
    "53100": ("its disk is full, nothing was changed", "ask its administrator"),
    "53300": ("it has too many connections", "try again"),
    "57P03": ("it is starting or stopping", "try again"),
    "28P01": ("it does not accept the password", "check ~/.pgpass or PGPASSWORD"),
    "28000": ("it does not accept this user", "check the user in the address"),
    "3D000": ("there is no such database", "createdb"),
    "42501": ("this user may not do that", "ask its administrator"),
    "42P01": ("it has not the tables of this program", "mx2 workspace migrate"),
}

_REFUSED = {
    'database ".*" does not exist': "3D000",
    'role ".*" does not exist': "28000",
    "password authentication failed|no password supplied": "28P01",
    "starting up|shutting down": "57P03",
    "too many clients|remaining connection slots": "53300",
}


def store_error(error: SQLAlchemyError, address: str) -> StoreError:
    """Error of our tree for an error of a database.

    Parameters
    ----------
    error : SQLAlchemyError
    address : str
        Address of the database without secrets.
    """
    cause = error.orig if isinstance(error, DBAPIError) else error
    text = redact(" ".join(str(cause).split()))
    if GUARD in text:
        return GuardError(f"{address}: refused by the database: {_guard(text)}")
    known = _of_sqlite(cause) if isinstance(cause, sqlite3.Error) else _of_postgresql(cause)
    if known is None:
        return StoreError(f"{address}: {text}", next_step="mx2 doctor")
    what, next_step = known
    path = address.partition(":///")[2]
    return StoreError(f"{address}: {what} ({text})", next_step=next_step.format(path=path))


def _guard(text: str) -> str:
    return text.split(GUARD, 1)[1].split(" CONTEXT:", 1)[0]


def _of_sqlite(cause: sqlite3.Error) -> tuple[str, str] | None:
    if "no such table" in str(cause):
        return _POSTGRESQL["42P01"]
    name = getattr(cause, "sqlite_errorname", "").removeprefix("SQLITE_")
    return _SQLITE.get(name.split("_", 1)[0])


def _of_postgresql(cause: BaseException | None) -> tuple[str, str] | None:
    state = getattr(cause, "sqlstate", None)
    if state is None:
        # A refused connection has no code, only the text of the server.
        found = (code for words, code in _REFUSED.items() if re.search(words, str(cause)))
        state = next(found, None)
    if state is not None:
        return _POSTGRESQL.get(state)
    name = type(cause).__name__
    if name in {"OperationalError", "ConnectionTimeout"}:
        return ("it cannot be reached", "is the server running? pg_isready")
    return None
