"""Heads of event logs kept outside the database: what shows a log that was rewritten as a whole.

The chain cannot show that its last rows are gone together with the head row, or that the whole log
was written anew.  So the head goes daily into a file elsewhere, signed where a key is at hand
(conditions page, section 4.5).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mx2prod.core.canonical import canonical_json
from mx2prod.core.errors import InputFileError
from mx2prod.core.files import require_regular_file, write_text
from mx2prod.core.time import now
from mx2prod.journal.envelopes import envelope_of, parse, sign, signers, text_of
from mx2prod.journal.events import Head, utc_text
from mx2prod.journal.keys import SigningKey
from mx2prod.journal.role_list import Sha256

PAYLOAD_TYPE = "application/vnd.mx2.heads+json"


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    seq: Annotated[int, Field(ge=0)]
    hash: Sha256


class _Heads(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    type: Literal["mx2-heads/1"] = "mx2-heads/1"
    utc: str
    databases: dict[str, _Entry]


@dataclass(frozen=True)
class ExportedHeads:
    """Heads of a file.

    Attributes
    ----------
    utc : str
        When they were exported.
    heads : dict of str to Head
        By the name of the database in the workspace.
    signed_by : frozenset of str
        Public keys (hexadecimal) among those asked for that signed the file.
    """

    utc: str
    heads: dict[str, Head]
    signed_by: frozenset[str]


def write_heads(path: Path, heads: dict[str, Head], key: SigningKey | None = None) -> None:
    """Write heads into a new file, signed if a key is given.

    Raises
    ------
    OutputError
        If the file exists or cannot be written.
    """
    entries = {name: _Entry(**asdict(head)) for name, head in heads.items()}
    document = _Heads(utc=utc_text(now()), databases=entries)
    envelope = envelope_of(canonical_json(document.model_dump()).encode(), PAYLOAD_TYPE)
    if key is not None:
        sign(envelope, key)
    write_text(path, text_of(envelope) + "\n")


def read_heads(path: Path, public_keys: frozenset[str] = frozenset()) -> ExportedHeads:
    """Read exported heads.

    Parameters
    ----------
    path : Path
    public_keys : frozenset of str
        Keys whose signatures are looked for.

    Raises
    ------
    InputFileError
        If the file cannot be read or is not of this kind.
    TrustError
        If its envelope is damaged.
    """
    require_regular_file(path)
    envelope = parse(path.read_text(encoding="utf-8"), PAYLOAD_TYPE, str(path))
    try:
        document = _Heads.model_validate_json(envelope.payload)
    except ValidationError as error:
        raise InputFileError(f"{path}: not a file of heads: {error}") from error
    heads = {name: Head(entry.seq, entry.hash) for name, entry in document.databases.items()}
    return ExportedHeads(document.utc, heads, signers(envelope, public_keys))
