"""Constants of other systems: mnvcon and ConDB (conditions page, section 12)."""

from mx2prod.conditions.adapters.condb import CondbServer
from mx2prod.conditions.adapters.importing import Imported, import_folder
from mx2prod.conditions.adapters.mnvcon_database import (
    WrittenTag,
    create_folder,
    open_database,
    verify_tag,
    write_tag,
)
from mx2prod.conditions.adapters.mnvcon_server import MnvconServer
from mx2prod.conditions.adapters.mnvcon_tables import TimeKind
from mx2prod.conditions.adapters.reply import Reply, parse_reply

__all__ = [
    "CondbServer",
    "Imported",
    "MnvconServer",
    "Reply",
    "TimeKind",
    "WrittenTag",
    "create_folder",
    "import_folder",
    "open_database",
    "parse_reply",
    "verify_tag",
    "write_tag",
]
