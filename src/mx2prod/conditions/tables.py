"""Tables of this room, the same on SQLite and PostgreSQL (conditions page, section 4.1).

Approvals, keys and the audit log are those of :mod:`mx2prod.journal`.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
)

PREFIX = "conditions_"
METADATA = MetaData()


def _text(name: str, *, primary_key: bool = False) -> Column[str]:
    return Column(name, Text, primary_key=primary_key, nullable=False)


STORE = Table(
    f"{PREFIX}store",
    METADATA,
    Column("id", Integer, primary_key=True),
    _text("role"),
)
"""One row: ``development`` or ``production``."""

SCHEMA = Table(f"{PREFIX}schema", METADATA, _text("schema_id", primary_key=True), _text("columns"))
"""Columns of each schema: name, type, unit, limits, as JSON."""

FOLDER = Table(
    f"{PREFIX}folder",
    METADATA,
    _text("name", primary_key=True),
    _text("schema_id"),
    _text("axis"),
    _text("hardware_map"),
)
"""Folders; ``hardware_map`` says what the rows are of: channel, strip, plane, ..."""

FOLDER_ALIAS = Table(
    f"{PREFIX}folder_alias", METADATA, _text("requested", primary_key=True), _text("folder")
)
"""Other names under which readers ask for a folder."""

UNKNOWN_FOLDER = Table(
    f"{PREFIX}unknown_folder",
    METADATA,
    _text("requested", primary_key=True),
    Column("requests", BigInteger, nullable=False),
    _text("last_utc"),
)
"""Names that readers asked for and that are no folder, with the number of requests."""

PAYLOAD = Table(
    f"{PREFIX}payload",
    METADATA,
    _text("content_sha256", primary_key=True),
    _text("schema_id"),
    Column("n_rows", BigInteger, nullable=False),
    _text("encoding"),
    _text("file_sha256"),
    Column("size", BigInteger, nullable=False),
    Column("data", LargeBinary, nullable=False),
)
"""Immutable tables by the sha256 of their content."""

PAYLOAD_COLUMNS = tuple(column.name for column in PAYLOAD.c)

PROVENANCE = Table(
    f"{PREFIX}provenance",
    METADATA,
    _text("content_sha256", primary_key=True),
    _text("kind", primary_key=True),
    _text("value", primary_key=True),
)
"""Where payloads come from."""

DOCUMENT = Table(
    f"{PREFIX}document",
    METADATA,
    _text("sha256", primary_key=True),
    _text("kind"),
    _text("body"),
)
"""Run lists, run-to-time maps and results of checks, as canonical JSON named by its sha256."""

TAG = Table(
    f"{PREFIX}tag",
    METADATA,
    Column("id", Integer, primary_key=True),
    _text("folder"),
    _text("name"),
    _text("state"),
    Column("parent_tag", Integer),
    _text("digest"),
    _text("created_by"),
    _text("created_utc"),
    _text("reason"),
)

IOV = Table(
    f"{PREFIX}iov",
    METADATA,
    Column("tag_id", Integer, primary_key=True),
    Column("since", BigInteger, primary_key=True),
    Column("until", BigInteger, nullable=False),
    _text("content_sha256"),
    Column("built", Integer, nullable=False),
)
"""Intervals; ``built`` is 1 if the end was not given, so that the next interval may cut it."""

GAP = Table(
    f"{PREFIX}gap",
    METADATA,
    Column("tag_id", Integer, primary_key=True),
    Column("since", BigInteger, primary_key=True),
    Column("until", BigInteger, nullable=False),
    _text("choice"),
    _text("reason"),
    Column("content_sha256", Text),
)
"""What was decided for subruns without a table of their own."""

STOP = Table(
    f"{PREFIX}stop",
    METADATA,
    Column("place", BigInteger, primary_key=True),
    _text("folder", primary_key=True),
    _text("kind"),
    _text("reason"),
)
"""Places that no interval passes: swaps of hardware, borders of periods; folder empty: all."""

GTAG = Table(
    f"{PREFIX}gtag",
    METADATA,
    _text("name", primary_key=True),
    _text("state"),
    _text("digest"),
    Column("provisional", Integer, nullable=False),
    Column("parent", Text),
    _text("hardware_map"),
    _text("run_list"),
    _text("runtime"),
    _text("checks"),
    _text("created_by"),
    _text("created_utc"),
    _text("reason"),
)
"""Global tags; ``run_list``, ``runtime`` and ``checks`` are documents, empty if there is none."""

GTAG_MAP = Table(
    f"{PREFIX}gtag_map",
    METADATA,
    _text("gtag", primary_key=True),
    _text("folder", primary_key=True),
    Column("tag_id", Integer, nullable=False),
)

EVIDENCE = Table(
    f"{PREFIX}evidence",
    METADATA,
    _text("gtag", primary_key=True),
    Column("number", Integer, primary_key=True),
    _text("kind"),
    _text("body"),
)
"""Approval events and role lists that a promotion relied on, so that it can be judged again."""

ALIAS = Table(
    f"{PREFIX}alias",
    METADATA,
    _text("name", primary_key=True),
    _text("gtag"),
    _text("moved_utc"),
)
"""Movable names of published global tags."""

UPLOAD = Table(
    f"{PREFIX}upload",
    METADATA,
    _text("filepath", primary_key=True),
    _text("datatype", primary_key=True),
    _text("tag", primary_key=True),
    _text("detector"),
    Column("loaded", Integer, nullable=False),
    Column("verified", Integer, nullable=False),
    Column("obsolete", Integer, nullable=False),
    Column("error", Integer, nullable=False),
    _text("comment"),
    _text("add_utc"),
    _text("modify_utc"),
    _text("modify_user"),
)
"""Ledger of files to upload (conditions page, section 3.3)."""
