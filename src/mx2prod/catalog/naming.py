"""Namespaces and named queries (catalogue page, section 1.2)."""

from __future__ import annotations

from sqlalchemy import Connection, insert, select, update

from mx2prod.catalog.making import insert_namespace
from mx2prod.catalog.mql import syntax
from mx2prod.catalog.mql.parse import parse
from mx2prod.catalog.mql.syntax import walk
from mx2prod.catalog.records import NamedQuery, Namespace
from mx2prod.catalog.rows import namespace_record
from mx2prod.catalog.rules import checked_did, checked_metadata
from mx2prod.catalog.session import Session, present_time
from mx2prod.catalog.source import CatalogSource
from mx2prod.catalog.tables import NAMESPACE, QUERY
from mx2prod.core.canonical import canonical_json
from mx2prod.core.errors import CatalogError, ConflictError, DeniedError
from mx2prod.core.ids import Did


def namespaces(connection: Connection) -> list[Namespace]:
    """All namespaces, by name."""
    rows = connection.execute(select(NAMESPACE).order_by(NAMESPACE.c.name))
    return [namespace_record(row) for row in rows]


def create_namespace(
    session: Session,
    name: str,
    *,
    owner_user: str | None = None,
    owner_role: str | None = None,
    description: str | None = None,
    dry_run: bool = False,
) -> Namespace:
    """Make a namespace; see :meth:`mx2prod.catalog.Catalog.create_namespace`."""
    actor = session.actor
    if owner_user is not None and owner_role is not None:
        raise CatalogError(f"namespace {name}: owned by a user or by a role, not by both")
    owner = owner_user if owner_role else owner_user or actor.user
    own = owner == actor.user if owner_role is None else owner_role in actor.roles
    if not (actor.admin or own):
        raise DeniedError(f"namespace {name}: only an administrator makes one for somebody else")
    record = Namespace(name=name, owner_user=owner, owner_role=owner_role, description=description)
    with session.changing(dry_run=dry_run) as connection:
        if any(other.name == name for other in namespaces(connection)):
            raise ConflictError(f"namespace {name} is there already", (name,))
        return insert_namespace(session, connection, record)


def save_query(
    session: Session, named: NamedQuery, *, update_it: bool = False, dry_run: bool = False
) -> NamedQuery:
    """Save a named query; see :meth:`mx2prod.catalog.Catalog.save_query`."""
    did = checked_did(Did(named.namespace, named.name), "named query")
    metadata = checked_metadata(named.metadata, f"named query {did}")
    parse(named.source)
    with session.changing(dry_run=dry_run) as connection:
        session.require_owner(connection, did.namespace)
        source = CatalogSource(connection)
        old = source.named_query(did)
        if old is not None and not update_it:
            raise ConflictError(f"named query {did} is there already", (str(did),))
        _require_no_cycle(source, did, named.source)
        values = {
            "source": named.source,
            "description": named.description,
            "metadata": canonical_json(metadata),
        }
        if old is None:
            values |= {"namespace": did.namespace, "name": did.name,
                       "creator": session.actor.user}  # fmt: skip
            connection.execute(insert(QUERY).values(created_timestamp=present_time(), **values))
        else:
            own = (QUERY.c.namespace == did.namespace) & (QUERY.c.name == did.name)
            connection.execute(update(QUERY).where(own).values(values))
        session.note(connection, "query", str(did), {"source": named.source})
        saved = source.named_query(did)
    if saved is None:
        raise CatalogError(f"named query {did}: was not written")
    return saved


def _require_no_cycle(source: CatalogSource, did: Did, text: str) -> None:
    """Refuse a text that uses the named query itself, however many steps away."""
    seen: set[Did] = set()
    waiting = [(did, text)]
    while waiting:
        user, body = waiting.pop()
        for used in _used(body, user.namespace):
            if used == did:
                raise CatalogError(f"named query {did}: uses itself, over {user}")
            found = source.named_query(used)
            if found is not None and used not in seen:
                seen.add(used)
                waiting.append((used, found.source))


def _used(text: str, namespace: str) -> list[Did]:
    return [
        Did(node.name.namespace or namespace, node.name.name)
        for node in walk(parse(text))
        if isinstance(node, syntax.Named)
    ]
