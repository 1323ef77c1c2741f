"""Identifiers: run and subrun, gate ranges, dataset identifiers, file names.

All integers are Python integers or 64-bit columns: ``run * 100000 + subrun`` of run 50017 does not
fit in 32 bits (metadata page, D2).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from mx2prod.core.errors import NameFormatError
from mx2prod.core.suggest import nearest

NAMESPACE = "neardet-2x2-minerva"
SUBRUNS_PER_RUN = 100_000
MAX_SUBRUN = 9_999
STREAMS = ("pdstl", "linjc", "numib", "numip", "numil")
"""Data streams of the production, as the DAQ spells them."""

SUFFIX_BY_TIER = {
    "raw-digits": "RawDigits.root",
    "sup-digits": "SupDigits.root",
    "reco": "RecoData.root",
    "dst": "DST.root",
    "rock-muons": "RockMuonData.root",
}
"""Default file name suffix of each tier that a job writes (output page, section 1)."""

FILE_NAME = re.compile(
    r"^TS1_(?P<run>\d{8})_(?P<subrun>\d{4})_(?P<stream>[a-z]{5})"
    r"_v09_(?P<stamp>\d{10})(?:-(?P<attempt>[a-z2-7]{6}))?_(?P<suffix>[A-Za-z0-9]+\.\w+)\Z",
    re.ASCII,
)
"""The one pattern of Mx2 file names (rulings, section 2)."""
_TWO_DIGITS = re.compile(r"\d\d", re.ASCII)


@dataclass(frozen=True, order=True)
class RunSubrun:
    """A subrun of a run; the unit of data taking, and of one raw file.

    Raises
    ------
    NameFormatError
        If run is not in 0..99999999 or subrun not in 0..9999.
    """

    run: int
    subrun: int

    def __post_init__(self) -> None:
        if not 0 <= self.run <= 99_999_999:
            raise NameFormatError(f"run {self.run} is not in 0..99999999")
        if not 0 <= self.subrun <= MAX_SUBRUN:
            raise NameFormatError(f"subrun {self.subrun} is not in 0..{MAX_SUBRUN}")

    @property
    def number(self) -> int:
        """``run * 100000 + subrun``, the value of ``core.runs_subruns``."""
        return self.run * SUBRUNS_PER_RUN + self.subrun

    @classmethod
    def from_number(cls, number: int) -> RunSubrun:
        """Inverse of :attr:`number`; refuses the 32-bit overflows of the DAQ."""
        return cls(*divmod(number, SUBRUNS_PER_RUN))

    def __str__(self) -> str:
        return f"{self.run}/{self.subrun}"


@dataclass(frozen=True, order=True)
class GateRange:
    """An inclusive range of global gate numbers."""

    first: int
    last: int

    def __post_init__(self) -> None:
        if not 0 <= self.first <= self.last < 2**63:
            raise NameFormatError(f"gate range {self.first}..{self.last} is not ordered in 0..2^63")

    def __len__(self) -> int:
        return self.last - self.first + 1


def gate_ranges(global_gates: Iterable[int]) -> list[GateRange]:
    """Join global gate numbers into maximal ranges of consecutive numbers, sorted."""
    ranges: list[GateRange] = []
    for gate in sorted(set(global_gates)):
        if ranges and gate == ranges[-1].last + 1:
            ranges[-1] = GateRange(ranges[-1].first, gate)
        else:
            ranges.append(GateRange(gate, gate))
    return ranges


@dataclass(frozen=True, order=True)
class Did:
    """A dataset or file identifier ``namespace:name``."""

    namespace: str
    name: str

    @classmethod
    def parse(cls, text: str) -> Did:
        """Split ``namespace:name``.

        Raises
        ------
        NameFormatError
            If there is not exactly one colon, or one side is empty.
        """
        namespace, colon, name = text.partition(":")
        if not (namespace and colon and name) or ":" in name:
            raise NameFormatError(f"{text!r} is not of the form namespace:name")
        return cls(namespace, name)

    def __str__(self) -> str:
        return f"{self.namespace}:{self.name}"


@dataclass(frozen=True)
class FileName:
    """A parsed Mx2 file name.

    Attributes
    ----------
    run_subrun : RunSubrun
    stream : str
        Five letters, for example ``numib``.
    stamp : str
        ``yymmddHHMM`` in UTC: subrun set-up of a raw file, processing start of a derived one.
    attempt : str or None
        Six characters of ``a-z2-7`` that make each processing attempt a new name.
    suffix : str
        For example ``RawData.dat`` or ``DST.root``.
    """

    run_subrun: RunSubrun
    stream: str
    stamp: str
    attempt: str | None
    suffix: str

    @classmethod
    def parse(cls, name: str) -> FileName:
        """Parse a bare file name (no folder).

        Raises
        ------
        NameFormatError
            If the name does not follow the pattern, or its stream or stamp is not legal.
        """
        match = FILE_NAME.match(name)
        if match is None:
            raise NameFormatError(
                f"{name!r} is not an Mx2 file name: expected "
                "TS1_<run:8>_<subrun:4>_<stream:5>_v09_<yymmddHHMM>[-<attempt:6>]_<suffix>"
            )
        parsed = cls(
            RunSubrun(int(match["run"]), int(match["subrun"])),
            match["stream"],
            match["stamp"],
            match["attempt"],
            match["suffix"],
        )
        if parsed.stream not in STREAMS:
            raise NameFormatError(
                f"{name!r}: stream {parsed.stream!r} is not one of {', '.join(STREAMS)}"
                + nearest(parsed.stream, STREAMS)
            )
        _ = parsed.time
        return parsed

    @property
    def time(self) -> datetime:
        """The stamp as UTC time, minute resolution."""
        try:
            year, month, day, hour, minute = map(int, _TWO_DIGITS.findall(self.stamp))
            return datetime(2000 + year, month, day, hour, minute, tzinfo=UTC)
        except ValueError as error:
            raise NameFormatError(f"stamp {self.stamp!r} is not yymmddHHMM: {error}") from error

    @property
    def is_raw(self) -> bool:
        """True for a file written by the DAQ."""
        return self.suffix == "RawData.dat"

    def derived(self, suffix: str, stamp: str, attempt: str | None) -> FileName:
        """Name of a file made from this one (metadata page, 5.1)."""
        return FileName(self.run_subrun, self.stream, stamp, attempt, suffix)

    def __str__(self) -> str:
        token = f"-{self.attempt}" if self.attempt else ""
        return (
            f"TS1_{self.run_subrun.run:08d}_{self.run_subrun.subrun:04d}_{self.stream}"
            f"_v09_{self.stamp}{token}_{self.suffix}"
        )
