"""Stored verdicts: one row a verdict and item, each change a new version (metadata page, 8)."""

from __future__ import annotations

import json
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, Row, insert, select

from mx2prod.core.canonical import canonical_json
from mx2prod.core.time import now
from mx2prod.journal import events, migrate, reading, writing
from mx2prod.metadata.quality.judge import Verdict
from mx2prod.metadata.quality.tables import ITEM, QUALITY, VERDICT

STORED = "quality.verdict"


@dataclass(frozen=True)
class StoredVerdict:
    """A verdict of the database.

    Attributes
    ----------
    did : str
    dq_version : int
        1 for the first verdict on the file.
    word : str
    flags, reasons : tuple of str
    signed_by, thresholds, inputs_sha256, utc : str
    """

    did: str
    dq_version: int
    word: str
    flags: tuple[str, ...]
    reasons: tuple[str, ...]
    signed_by: str
    thresholds: str
    inputs_sha256: str
    utc: str

    @property
    def value(self) -> str | list[str]:
        """``dune.dqc_quality``."""
        return [self.word, *self.flags] if self.flags else self.word


class QualityStore:
    """Verdicts in a database.

    Parameters
    ----------
    engine : Engine
    create : bool
        Make the tables if they are missing.
    """

    def __init__(self, engine: Engine, *, create: bool = False) -> None:
        self.engine = engine
        if create:
            migrate(engine, (QUALITY,))

    def put(self, verdict: Verdict) -> StoredVerdict:
        """Store a verdict; one from the same inputs with the same result is stored once.

        Returns
        -------
        StoredVerdict
            The new version, or the one that is there.
        """
        with writing(self.engine) as connection:
            last = _latest(connection, verdict.did)
            if last is not None and _is_same(last, verdict):
                return last
            version = 1 if last is None else last.dq_version + 1
            _insert(connection, verdict, version)
            body = {
                "dq_version": version,
                "verdict": verdict.word,
                "flags": list(verdict.flags),
                "signed_by": verdict.signed_by,
                "thresholds": verdict.thresholds,
                "inputs": verdict.inputs_sha256,
            }
            events.append(connection, STORED, verdict.did, body)
            stored = _latest(connection, verdict.did)
        if stored is None:
            raise AssertionError(f"{verdict.did}: stored and not there")
        return stored

    def latest(self, did: str) -> StoredVerdict | None:
        """Newest verdict on a file; None without one."""
        with reading(self.engine) as connection:
            return _latest(connection, did)

    def history(self, did: str) -> list[StoredVerdict]:
        """Give all verdicts on a file, the first one first."""
        query = select(VERDICT).where(VERDICT.c.did == did).order_by(VERDICT.c.dq_version)
        with reading(self.engine) as connection:
            return [_stored(row) for row in connection.execute(query)]

    def value(self, did: str) -> str | list[str] | None:
        """Value of ``dune.dqc_quality``; None without a verdict."""
        found = self.latest(did)
        return None if found is None else found.value


def _latest(connection: Connection, did: str) -> StoredVerdict | None:
    query = select(VERDICT).where(VERDICT.c.did == did).order_by(VERDICT.c.dq_version.desc())
    row = connection.execute(query.limit(1)).first()
    return None if row is None else _stored(row)


def _stored(row: Row[tuple[object, ...]]) -> StoredVerdict:
    members = dict(row._mapping)
    word = members.pop("verdict")
    flags, reasons = (tuple(json.loads(members.pop(name))) for name in ("flags", "reasons"))
    return StoredVerdict(word=word, flags=flags, reasons=reasons, **members)


def _is_same(last: StoredVerdict, verdict: Verdict) -> bool:
    return (last.word, last.flags, last.signed_by, last.inputs_sha256) == (
        verdict.word,
        verdict.flags,
        verdict.signed_by,
        verdict.inputs_sha256,
    )


def _insert(connection: Connection, verdict: Verdict, version: int) -> None:
    key = {"did": verdict.did, "dq_version": version}
    row = {
        **key,
        "verdict": verdict.word,
        "flags": canonical_json(list(verdict.flags)),
        "reasons": canonical_json(list(verdict.reasons)),
        "signed_by": verdict.signed_by,
        "thresholds": verdict.thresholds,
        "inputs_sha256": verdict.inputs_sha256,
        "utc": events.utc_text(now()),
    }
    items = [
        {
            **key,
            "item": item.item,
            "value": item.value,
            "threshold": item.threshold,
            "passed": None if item.passed is None else int(item.passed),
            "detail": item.detail,
        }
        for item in verdict.items
    ]
    connection.execute(insert(VERDICT), row)
    connection.execute(insert(ITEM), items)
