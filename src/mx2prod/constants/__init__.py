"""The schema of every constants table, its checks, its text and Parquet files; no storage."""

from mx2prod.constants.arrow import from_arrow, read_parquet, to_arrow, write_parquet
from mx2prod.constants.content import content_bytes, content_sha256
from mx2prod.constants.documentation import constants_page
from mx2prod.constants.feb_file import feb_text, parse_feb_text, read_feb_file, write_feb_file
from mx2prod.constants.keys import CHANNEL_COLUMN, DetectorMaps, Key
from mx2prod.constants.period import Period
from mx2prod.constants.registry import FOLDERS, SCHEMAS, table_of_folder, table_of_schema
from mx2prod.constants.schema import Column, Constants
from mx2prod.constants.source import Source
from mx2prod.constants.table import Table, joined
from mx2prod.constants.tables import (
    TABLES,
    Alignment,
    AttenuationId,
    AttenuationOd,
    BadChannel,
    BadChannelBit,
    EnergyScale,
    FebResponse,
    Pedestal,
    PedestalCompanion,
    PmtGain,
    Slewing,
    StripToStrip,
    Temperature,
    Timing,
)
from mx2prod.constants.text import (
    TEXT_TABLES,
    parse_table_text,
    read_table,
    table_text,
    write_table,
)

__all__ = [
    "CHANNEL_COLUMN",
    "FOLDERS",
    "SCHEMAS",
    "TABLES",
    "TEXT_TABLES",
    "Alignment",
    "AttenuationId",
    "AttenuationOd",
    "BadChannel",
    "BadChannelBit",
    "Column",
    "Constants",
    "DetectorMaps",
    "EnergyScale",
    "FebResponse",
    "Key",
    "Pedestal",
    "PedestalCompanion",
    "Period",
    "PmtGain",
    "Slewing",
    "Source",
    "StripToStrip",
    "Table",
    "Temperature",
    "Timing",
    "constants_page",
    "content_bytes",
    "content_sha256",
    "feb_text",
    "from_arrow",
    "joined",
    "parse_feb_text",
    "parse_table_text",
    "read_feb_file",
    "read_parquet",
    "read_table",
    "table_of_folder",
    "table_of_schema",
    "table_text",
    "to_arrow",
    "write_feb_file",
    "write_parquet",
    "write_table",
]
