"""Detector tables as rows of plain values: what ``mx2 detector`` prints."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mx2prod.core.errors import AddressError
from mx2prod.detector.addresses import ChannelAddress, StripAddress, unpack_strip_ids
from mx2prod.detector.boards import BoardStatus
from mx2prod.detector.coordinates import View
from mx2prod.detector.load import Detector
from mx2prod.detector.plex import ADDRESS_DTYPE, Plex, Role
from mx2prod.detector.schemas import PIXELS_PER_BOARD
from mx2prod.detector.shape import strip_centre, strip_ends
from mx2prod.detector.trip import CHANNEL_OF_PIXEL, TRIP_OF_PIXEL, Gain
from mx2prod.detector.versions import VERSIONS, load_table
from mx2prod.detector.wiring import HALF_SLOTS, best_weave

Row = dict[str, Any]


def table_rows() -> list[Row]:
    """Tables that mx2prod knows by name: name, kind, rows, made_by, sha256."""
    return [
        {
            "name": name,
            "kind": entry.schema.kind,
            "rows": len(load_table(name)),
            "made_by": "file" if entry.rule is None else "rule",
            "sha256": entry.sha256,
        }
        for name, entry in VERSIONS.items()
    ]


def plane_rows(detector: Detector) -> list[Row]:
    """Planes along the beam: row number and the columns of the plane table."""
    rows = detector.planes.table.rows
    names = rows.dtype.names or ()
    return [
        {"plane_index": place, **dict(zip(names, values, strict=True))}
        for place, values in enumerate(rows.tolist())
    ]


def board_rows(detector: Detector) -> list[Row]:
    """Every board of the hardware map: address, dense number, status and what it reads.

    Returns
    -------
    list of dict
        crate, croc, chain, board, feb_index, first_channel_id, status (mapped, od or unmapped),
        modules, weave, weave_mismatches, low, high.  ``low`` and ``high`` are the strip groups of
        the two halves, ``module/plane/first-last``; ``weave`` is the pixel order that fits best,
        ``weave_mismatches`` the number of pixels against it.  None where there is none.
    """
    channels = detector.plex.channels.reshape(-1, PIXELS_PER_BOARD)
    rows = []
    for feb, address in enumerate(detector.hardware.boards.tolist()):
        row: Row = dict(zip(("crate", "croc", "chain", "board"), address, strict=True))
        row |= {"feb_index": feb, "first_channel_id": int(channels["channel_id"][feb, 0])}
        role = Role(int(detector.plex.role_of_feb[feb]))
        if role is Role.STRIP:
            row |= {"status": str(BoardStatus.MAPPED), **_halves(detector.plex, feb)}
        else:
            status = BoardStatus.OD if role is Role.OD else BoardStatus.UNMAPPED
            row |= {"status": str(status), "modules": od_modules(detector, feb)}
            row |= dict.fromkeys(("weave", "weave_mismatches", "low", "high"))
        rows.append(row)
    return rows


def od_modules(detector: Detector, feb: int) -> list[int]:
    """Modules whose outer frames a board may read, by dense number; empty for other boards."""
    rows = detector.od_boards.rows[detector.hardware.feb_index(detector.od_boards.rows) == feb]
    return [
        module
        for first, last in rows[["first_module", "last_module"]].tolist()
        for module in range(first, last + 1)
    ]


def _halves(plex: Plex, feb: int) -> Row:
    """Modules, weave and strip groups of an inner-detector board, from the plex itself."""
    pixels = plex.channels.reshape(-1, PIXELS_PER_BOARD)[feb]
    high, high_slots = _half(pixels[:HALF_SLOTS])
    low, low_slots = _half(pixels[HALF_SLOTS:])
    weave, mismatches = best_weave(np.concatenate([high_slots + HALF_SLOTS, low_slots]))
    return {
        "modules": sorted({int(module) for module in pixels["module"][pixels["strip"] > 0]}),
        "weave": weave,
        "weave_mismatches": mismatches,
        "low": low,
        "high": high,
    }


def _half(pixels: npt.NDArray[np.void]) -> tuple[str | None, npt.NDArray[np.int64]]:
    """Strip groups of half a board in words, and the slot of each pixel within the half."""
    used = pixels["strip"] > 0
    strips = pixels["strip"].astype(np.int64)
    if not used.any():
        return None, np.full(HALF_SLOTS, HALF_SLOTS - 1)
    first, last = int(strips[used].min()), int(strips[used].max())
    planes = np.unique(pixels[["module", "plane"]][used]).tolist()
    words = " + ".join(f"{module}/{plane}/{first}-{last}" for module, plane in planes)
    return words, np.where(used, strips - first, HALF_SLOTS - 1)


def channel_rows(detector: Detector) -> list[Row]:
    """Every pixel of the hardware map with its strip; see :data:`~.plex.ADDRESS_DTYPE`."""
    return [_plain(values) for values in detector.plex.channels.tolist()]


def _plain(values: tuple[Any, ...]) -> Row:
    row: Row = dict(zip(ADDRESS_DTYPE.names or (), values, strict=True))
    row["role"] = Role(row["role"]).word
    row["view"] = View(row["view"]).letter
    if row["strip_index"] < 0:
        row |= dict.fromkeys(
            ("strip_index", "strip_id", "subdet", "module", "plane", "strip", "view")
        )
    return row


def channel_card(detector: Detector, address: ChannelAddress) -> Row:
    """Everything known about one pixel.

    A board that the hardware map does not have gives the role ``unmapped``, without dense number
    and strip.

    Parameters
    ----------
    detector : Detector
    address : ChannelAddress

    Returns
    -------
    dict
        Ids, address, dense numbers, role, place on the PMT, TriP channels by gain, and for a strip
        its view, position (detector frame, mm), length and fibres.
    """
    plex, pixel = detector.plex, address.pixel
    row = _plain(plex.addresses([address.id]).tolist()[0])
    channel = int(detector.hardware.channel_index(address.id))
    known = channel >= 0
    columns = detector.constants.electronics.pmt_columns
    row |= {
        "channel_index": channel if known else None,
        "feb_index": channel // PIXELS_PER_BOARD if known else None,
        "pmt_row": pixel // columns,
        "pmt_column": pixel % columns,
        "half": "high" if pixel < HALF_SLOTS else "low",
    }
    for gain in Gain:
        row[f"trip_{gain.name.lower()}"] = int(TRIP_OF_PIXEL[gain, pixel])
        row[f"trip_channel_{gain.name.lower()}"] = int(CHANNEL_OF_PIXEL[gain, pixel])
    if row["role"] == Role.OD.word:
        row["od_modules"] = od_modules(detector, channel // PIXELS_PER_BOARD)
    if row["strip_index"] is not None:
        row |= _strip_card(detector, row["strip_index"])
    return row


def _strip_card(detector: Detector, index: int) -> Row:
    per_plane = detector.planes.shape.strips_per_plane
    plane = detector.planes.table.rows[index // per_plane]
    strip = index % per_plane + 1
    low, high = strip_ends(strip, detector.planes.shape)
    return {
        "plane_index": index // per_plane,
        "region": str(plane["region"]),
        "absorber": str(plane["absorber"]),
        "t_mm": round(float(strip_centre(strip, detector.planes.shape)), 4),
        "l_low_mm": round(float(low), 2),
        "l_high_mm": round(float(high), 2),
        "length_mm": round(float(high - low), 2),
        "z_det_mm": float(plane["z_det_mm"]),
        "z_2x2_mm": float(plane["z_2x2_mm"]),
        "bagged_wls_mm": float(detector.fibres.bagged_wls[index]),
        "clear_fibre_mm": float(detector.fibres.clear[index]),
        "readout_end": int(detector.fibres.readout_end[index]),
    }


def find_strip(detector: Detector, text: str) -> StripAddress:
    """Read a strip id or ``module/plane/strip``, for a strip that must exist.

    Raises
    ------
    AddressError
        If the text is neither, the geometry has no such strip, or an id has another sub-detector
        than the plane.
    """
    if not text.strip().isdecimal():
        strip = StripAddress.parse(text)
        detector.plex.of_strip(strip)
        return strip
    fields = unpack_strip_ids(int(text))
    strip = StripAddress(int(fields["module"]), int(fields["plane"]), int(fields["strip"]))
    plane = int(detector.planes.require(strip.module, strip.plane))
    expected = int(detector.planes.subdet[plane])
    if int(fields["subdet"]) != expected:
        raise AddressError(
            f"strip id {text}: sub-detector {fields['subdet']}, but plane {strip.module}/"
            f"{strip.plane} of {detector.planes.name} is in sub-detector {expected}",
            next_step=f"mx2 detector strip {strip}",
        )
    detector.plex.of_strip(strip)
    return strip
