"""Constants in time: payloads, validity, tags, approval, promotion, pinned views.

A table is put into a tag of the development database, where it holds for an interval of subruns.
One tag a folder makes a global tag, which is checked, frozen under a digest, signed, and promoted
into the production database.  Jobs read it through a view that is pinned by the digest, from a
database or from a snapshot file.
"""

from mx2prod.conditions.aliases import (
    Alias,
    add_folder_alias,
    aliases,
    count_unknown_folder,
    folder_named,
    move_alias,
    resolve_alias,
    unknown_folders,
)
from mx2prod.conditions.approving import decide as approve
from mx2prod.conditions.approving import request_approval, subject_of, withdraw
from mx2prod.conditions.axis import (
    OPEN_END,
    Interval,
    parse_place,
    place_json,
    place_text,
    position,
    run_subrun,
)
from mx2prod.conditions.check_results import Checks
from mx2prod.conditions.checking import check, waive
from mx2prod.conditions.choices import choose, drop_choice
from mx2prod.conditions.comparison import compare_gtags, compare_tables
from mx2prod.conditions.coverage import Missing, gap_report, set_run_list, set_runtime
from mx2prod.conditions.documents import RunList, RunTimeMap, Subrun
from mx2prod.conditions.fixture import load_fixture
from mx2prod.conditions.folder import FolderArchive, write_folder
from mx2prod.conditions.freezing import freeze, supersede
from mx2prod.conditions.gtags import Gtag, group
from mx2prod.conditions.history import history
from mx2prod.conditions.intervals import Gap, Iov, Stop, add_stop
from mx2prod.conditions.limits import Limits
from mx2prod.conditions.manifest import FolderManifest, Manifest
from mx2prod.conditions.nominal import nominal_table
from mx2prod.conditions.opening import open  # noqa: A004
from mx2prod.conditions.page import gtag_page
from mx2prod.conditions.payloads import Payload
from mx2prod.conditions.promotion import Promotion, promote
from mx2prod.conditions.putting import Provenance, Put, merge, put
from mx2prod.conditions.room import CONDITIONS
from mx2prod.conditions.snapshot import Snapshot, write_snapshot
from mx2prod.conditions.states import State
from mx2prod.conditions.store import Store, create_store, open_store
from mx2prod.conditions.table_files import TableFile, read_table_file
from mx2prod.conditions.tags import Tag, create_tag
from mx2prod.conditions.uploads import Upload, put_playlist, set_obsolete, uploads
from mx2prod.conditions.verifying import (
    Verified,
    import_archive,
    open_archive,
    require_signed,
    verify_archive,
    verify_store,
)
from mx2prod.conditions.view import Constant, Resolved, View
from mx2prod.conditions.views import Use

__all__ = [
    "CONDITIONS",
    "OPEN_END",
    "Alias",
    "Checks",
    "Constant",
    "FolderArchive",
    "FolderManifest",
    "Gap",
    "Gtag",
    "Interval",
    "Iov",
    "Limits",
    "Manifest",
    "Missing",
    "Payload",
    "Promotion",
    "Provenance",
    "Put",
    "Resolved",
    "RunList",
    "RunTimeMap",
    "Snapshot",
    "State",
    "Stop",
    "Store",
    "Subrun",
    "TableFile",
    "Tag",
    "Upload",
    "Use",
    "Verified",
    "View",
    "add_folder_alias",
    "add_stop",
    "aliases",
    "approve",
    "check",
    "choose",
    "compare_gtags",
    "compare_tables",
    "count_unknown_folder",
    "create_store",
    "create_tag",
    "drop_choice",
    "folder_named",
    "freeze",
    "gap_report",
    "group",
    "gtag_page",
    "history",
    "import_archive",
    "load_fixture",
    "merge",
    "move_alias",
    "nominal_table",
    "open",
    "open_archive",
    "open_store",
    "parse_place",
    "place_json",
    "place_text",
    "position",
    "promote",
    "put",
    "put_playlist",
    "read_table_file",
    "request_approval",
    "require_signed",
    "resolve_alias",
    "run_subrun",
    "set_obsolete",
    "set_run_list",
    "set_runtime",
    "subject_of",
    "supersede",
    "unknown_folders",
    "uploads",
    "verify_archive",
    "verify_store",
    "waive",
    "withdraw",
    "write_folder",
    "write_snapshot",
]
