"""Durable records: databases, events, leases, keys and roles, approvals, backup.

Events and leases are used through their modules, ``events.append`` and ``leases.take``.
"""

from mx2prod.journal.approval import Approval, Request, Signature, State
from mx2prod.journal.approvals import Approvals, newest_list_seen
from mx2prod.journal.backups import back_up, restore
from mx2prod.journal.databases import Database, approvals_database, databases
from mx2prod.journal.deciding import Decision
from mx2prod.journal.engine import address, is_database, open_engine, reading, writing
from mx2prod.journal.events import Event, Head, Verification
from mx2prod.journal.heads import read_heads, write_heads
from mx2prod.journal.keys import (
    SigningKey,
    default_key_path,
    fingerprint,
    load_key,
    new_key,
    read_public,
)
from mx2prod.journal.leases import Lease
from mx2prod.journal.makings import Maker, read_making, sign_making
from mx2prod.journal.pages import Section, approval_page
from mx2prod.journal.policy import SUBJECT_TYPES, Policy
from mx2prod.journal.role_list import Person, RoleList
from mx2prod.journal.roles import Proposal, RoleStore
from mx2prod.journal.rooms import (
    JOURNAL,
    Room,
    Version,
    grant,
    migrate,
    require_current,
    versions,
)
from mx2prod.journal.statements import Attachment, Subject
from mx2prod.journal.trust import all_approvals, approvals_of, role_store, trusted_roles

__all__ = [
    "JOURNAL",
    "SUBJECT_TYPES",
    "Approval",
    "Approvals",
    "Attachment",
    "Database",
    "Decision",
    "Event",
    "Head",
    "Lease",
    "Maker",
    "Person",
    "Policy",
    "Proposal",
    "Request",
    "RoleList",
    "RoleStore",
    "Room",
    "Section",
    "Signature",
    "SigningKey",
    "State",
    "Subject",
    "Verification",
    "Version",
    "address",
    "all_approvals",
    "approval_page",
    "approvals_database",
    "approvals_of",
    "back_up",
    "databases",
    "default_key_path",
    "fingerprint",
    "grant",
    "is_database",
    "load_key",
    "migrate",
    "new_key",
    "newest_list_seen",
    "open_engine",
    "read_heads",
    "read_making",
    "read_public",
    "reading",
    "require_current",
    "restore",
    "role_store",
    "sign_making",
    "trusted_roles",
    "versions",
    "write_heads",
    "writing",
]
