"""Sign-off of a dataset: who stands for its files being the good ones.

The signature is over the name of a snapshot and the digest of its files, with an enrolled key; it
is kept as a metadata key of the dataset.  Another set of files has another digest, for which it
says nothing.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from mx2prod.catalog.snapshots import Snapshot
from mx2prod.catalog.store import Catalog
from mx2prod.core.canonical import canonical_json
from mx2prod.core.errors import CatalogError, DeniedError
from mx2prod.core.ids import Did
from mx2prod.core.time import now
from mx2prod.journal import envelopes
from mx2prod.journal.events import utc_text

if TYPE_CHECKING:
    from mx2prod.journal import RoleList, SigningKey

KEY = "mx2.sign_off"
_TYPE = "application/vnd.mx2prod.sign-off+json"


def sign_off(
    catalogue: Catalog, did: Did | str, key: SigningKey, *, dry_run: bool = False
) -> Snapshot:
    """Sign the files of a frozen dataset, beside the signatures that are there.

    Raises
    ------
    CatalogError
        If it is not frozen.
    """
    snapshot = _frozen(catalogue, did)
    text = _kept(catalogue, did)
    envelope = envelopes.parse(text, _TYPE, snapshot.did) if text else None
    if envelope is None or envelope.payload != _payload(snapshot):
        envelope = envelopes.envelope_of(_payload(snapshot), _TYPE)
    envelopes.sign(envelope, key)
    signed = {KEY: envelopes.text_of(envelope)}
    catalogue.update_dataset(did, metadata=signed, dry_run=dry_run)
    return snapshot


def signed_by(catalogue: Catalog, did: Did | str, roles: RoleList) -> list[str]:
    """Persons of the role list whose keys signed the files that the dataset has, by name.

    Raises
    ------
    TrustError
        If what is kept is no envelope.
    """
    text = _kept(catalogue, did)
    snapshot = catalogue.snapshot_of(did)
    if not text or snapshot is None or not snapshot.frozen:
        return []
    envelope = envelopes.parse(text, _TYPE, str(did))
    if envelope.payload != _payload(snapshot):
        return []
    utc = utc_text(now())
    owners = {public: one.person for public, (one, key) in roles.keys().items() if key.holds(utc)}
    return sorted({owners[public] for public in envelopes.signers(envelope, owners)})


def require_signed(catalogue: Catalog, did: Did | str, roles: RoleList) -> list[str]:
    """Persons that signed; refused if nobody did.

    Raises
    ------
    DeniedError
    """
    found = signed_by(catalogue, did, roles)
    if not found:
        raise DeniedError(
            f"dataset {did}: nobody on the role list signed these files off",
            next_step=f"mx2 dataset sign-off {did}",
        )
    return found


def _frozen(catalogue: Catalog, did: Did | str) -> Snapshot:
    snapshot = catalogue.snapshot_of(did)
    if snapshot is None or not snapshot.frozen:
        raise CatalogError(
            f"dataset {did} is not frozen: only a set that stays is signed off",
            next_step=f"mx2 dataset freeze {did}",
        )
    return snapshot


def _kept(catalogue: Catalog, did: Did | str) -> str:
    record = catalogue.dataset(did)
    text = record.metadata.get(KEY, "") if record else ""
    return text if isinstance(text, str) else json.dumps(text)


def _payload(snapshot: Snapshot) -> bytes:
    return canonical_json({"dataset": snapshot.did, "digest": snapshot.digest}).encode()
