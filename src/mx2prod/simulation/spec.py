"""The YAML that says what to simulate (detector page, section 7.3)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from mx2prod.core.canonical import sha256_of
from mx2prod.detector import (
    DEFAULT_FIBRES,
    DEFAULT_GEOMETRY,
    DEFAULT_PLEX,
    GapMaterial,
    Response,
)
from mx2prod.simulation.external_columns import ExternalFormat

Stream = Literal["pdstl", "linjc", "numib", "numip", "numil"]
Positive = Annotated[float, Field(gt=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def _with_zone(value: object) -> object:
    """YAML gives naive times for a time without zone; a start without zone is UTC."""
    if isinstance(value, datetime) and value.tzinfo is None:
        return value.replace(tzinfo=UTC)
    return value


class DepositFile(_Section):
    """File of a full simulation whose deposits take the place of beam particles."""

    path: str = Field(min_length=1, description=".parquet or .root; seen from where mx2 runs")
    format: ExternalFormat = ExternalFormat()


class FileSpec(_Section):
    """One raw file.

    Gates of ``numip`` and ``numil`` are beam if their number is odd, pedestal or light injection
    if it is even.
    """

    stream: Stream
    run: int = Field(ge=1, le=99_999_999, description="eight digits of the file name")
    subrun: int = Field(ge=1, le=9999)
    gates: int = Field(ge=1, le=100_000)
    start: Annotated[datetime, BeforeValidator(_with_zone)] = Field(description="first gate, UTC")
    first_global_gate: int = Field(
        0, ge=0, lt=2**63, description="0: runs on from the file before, from 1 in the first"
    )
    firmware: Literal[95, 97] = 97
    push: Literal["paired", "independent"] = "paired"
    led_level: Literal[0, 1, 2] = Field(1, description="of light injection: 1 one PE, 2 max PE")
    led_group: Literal[8, 16, 32, 64, 128] = Field(8, description="8 is all four groups")
    deposits: DepositFile | None = None


class DetectorSpec(_Section):
    """Tables of the detector, and which boards exist."""

    geometry: str = DEFAULT_GEOMETRY
    plex: str = DEFAULT_PLEX
    fibres: str = DEFAULT_FIBRES
    gap_material: GapMaterial = GapMaterial()
    febs: Literal["all"] | list[str] = Field(
        "all",
        description="chains `crate-croc-chain` or boards `crate-croc-chain-board`; boards of a "
        "chain count from 1 without holes",
    )


class BeamSpec(_Section):
    """The NuMI spill and what it makes (detector page, section 7.2)."""

    pot_per_spill: float = Field(4.5e13, ge=0)
    pot_spread: Fraction = 0.05
    empty_fraction: Fraction = Field(0.01, description="gates without beam")
    rock_muons_per_gate: float = Field(
        3.1,
        ge=0,
        description="at pot_per_spill; tuned so that a gate has the 167 kB of the production",
    )
    interactions_per_gate: float = Field(
        0.45,
        ge=0,
        description="neutrino-like, at pot_per_spill: 0.315 in the planes, 0.135 in argon",
    )
    argon_fraction: Fraction = Field(0.3, description="of the interactions")
    side_fraction: Fraction = Field(0.3, description="rock muons entering downstream sides")
    muon_energy_mean: Positive = Field(6000.0, description="above the floor, MeV")
    muon_energy_floor: Positive = Field(1000.0, description="MeV")
    muon_angle: Positive = Field(0.060, description="rad, one sigma, each projection")
    beam_dip: float = Field(0.058, description="rad; the beam points down")
    spill_start_ns: float = Field(400.0, ge=0)
    bucket_ns: Positive = 18.831
    batches: int = Field(6, ge=1, le=7)
    buckets_per_batch: int = Field(84, ge=1)
    filled_buckets: int = Field(81, ge=1, le=127)
    bunch_sigma_ns: float = Field(1.5, ge=0)
    batch_spread: Fraction = 0.05
    gate_period_s: Positive = 1.2
    face_mm: Positive = Field(
        3000.0, description="side of the square of candidates; those inside the planes enter"
    )

    @model_validator(mode="after")
    def _buckets_fit(self) -> BeamSpec:
        if self.filled_buckets > self.buckets_per_batch:
            raise ValueError(
                f"{self.filled_buckets} filled buckets in a batch of {self.buckets_per_batch}"
            )
        return self


class ParticleSpec(_Section):
    """Knock-on electrons, showers, and what comes out of an interaction (proposals).

    Energies in MeV; spreads of directions in rad, one sigma in each projection.
    """

    knock_on_neighbour: Fraction = Field(
        0.03, description="crossings whose knock-on electrons end in the neighbour strip"
    )
    knock_on_escape: Positive = Field(
        2.0, description="a knock-on electron leaves no more than this in the strip"
    )
    muon_probability: Fraction = 0.7
    muon_share: tuple[Fraction, Fraction] = Field(
        (0.3, 0.9), description="muon energy over neutrino energy, from and to"
    )
    muon_spread: float = Field(0.15, ge=0)
    hadrons: int = Field(4, ge=0, le=20, description="largest number; all are equally likely")
    hadron_energy: Positive = Field(200.0, description="mean kinetic energy")
    hadron_spread: float = Field(0.5, ge=0)
    showers: int = Field(2, ge=0, le=20, description="largest number; all are equally likely")
    shower_spread: float = Field(0.3, ge=0)
    shower_radius: Positive = Field(40.0, description="mean distance from the axis, mm")
    shower_noise: float = Field(0.03, ge=0, le=0.3, description="relative, of each plane")


class LightInjectionSpec(_Section):
    """The light-injection pulse (detector page, section 7.2)."""

    one_pe: tuple[Positive, Positive] = Field((1.0, 3.0), description="mean PE, by PMT")
    max_pe: tuple[Positive, Positive] = Field((30.0, 80.0), description="mean PE, by PMT")
    profile: float = Field(0.30, ge=0, description="relative spread between the pixels of a PMT")
    common: float = Field(0.05, ge=0, description="pulse-to-pulse spread, common to all pixels")
    drift: float = Field(
        0.0, ge=-0.5, le=0.5, description="relative change from first to last gate"
    )
    time_ns: float = Field(2000.0, ge=0)
    width_ns: float = Field(35.0, ge=0)
    gate_period_s: Positive = 2.0


class Miscalibration(_Section):
    """A known error that a calibration has to find.

    ``kind`` is a law by which ``size`` acts; ``table`` is a file with the values instead.
    """

    kind: Literal["gauss", "uniform", "scale", "shift", "drift", "swap"] = "gauss"
    size: float = 0.0
    boards: list[str] = Field([], description="only these, `crate-croc-chain-board`; empty: all")
    table: str = Field("", description="file of the values; replaces kind and size")
    since_run: int = Field(0, ge=0, description="acts from this run on")


class Miscalibrations(_Section):
    """All known errors; each a list, applied in order."""

    pedestal: list[Miscalibration] = []
    gain: list[Miscalibration] = []
    feb_ratio: list[Miscalibration] = []
    feb: list[Miscalibration] = []
    strip: list[Miscalibration] = []
    light: list[Miscalibration] = []
    attenuation: list[Miscalibration] = []
    planes: list[Miscalibration] = []
    rotations: list[Miscalibration] = []
    timing: list[Miscalibration] = []
    slewing: list[Miscalibration] = []
    weave: list[Miscalibration] = []


FaultKind = Literal[
    "dead_pixel", "noisy_pixel", "hot_pixel", "swapped_fibres", "swapped_boards", "absent_feb",
    "stopped_feb", "stuck_bit", "hv_off", "status_error", "truncated", "no_sentinel",
]  # fmt: skip


class Fault(_Section):
    """One defect.

    Attributes
    ----------
    kind : str
    address : str
        Board ``crate-croc-chain-board`` or pixel ``crate-croc-chain-board-pixel``.
    with_address : str
        The other one, for a swap.
    from_gate, to_gate : int
        Gates that have it, both included; ``to_gate`` 0 is the last one.
    from_run, to_run : int
        Runs that have it, both included; ``to_run`` 0: for good.
    size : float
        Factor on the noise of ``noisy_pixel``, rate in Hz of ``hot_pixel``, bit of ``stuck_bit``,
        fraction of the file that is left by ``truncated``.
    """

    kind: FaultKind
    address: str = ""
    with_address: str = ""
    from_gate: int = Field(1, ge=1)
    to_gate: int = Field(0, ge=0)
    from_run: int = Field(0, ge=0)
    to_run: int = Field(0, ge=0)
    size: float = Field(0.0, ge=0)


class RandomFaults(_Section):
    """Defects by chance, drawn from the seed."""

    dead_pixels: Fraction = 0.0
    noisy_pixels: Fraction = 0.0
    hot_pixels: Fraction = 0.0


class Spec(_Section):
    """What to simulate; the seed, this file and the version of mx2prod fix every byte."""

    seed: int = Field(ge=0, lt=2**64)
    files: list[FileSpec] = Field(min_length=1)
    detector: DetectorSpec = DetectorSpec()
    beam: BeamSpec = BeamSpec()
    particles: ParticleSpec = ParticleSpec()
    light_injection: LightInjectionSpec = LightInjectionSpec()
    response: Response = Response()
    miscalibrate: Miscalibrations = Miscalibrations()
    random_faults: RandomFaults = RandomFaults()
    faults: list[Fault] = []
    adc_pairing: Literal["end", "front"] = "end"
    truth: Literal["light", "full", "raw"] = "light"

    @field_validator("files", mode="after")
    @classmethod
    def _run_on(cls, files: list[FileSpec]) -> list[FileSpec]:
        """Give the first global gate to files that do not say it."""
        done: list[FileSpec] = []
        following = 1
        for file in files:
            first = file.first_global_gate or following
            done.append(file.model_copy(update={"first_global_gate": first}))
            following = first + file.gates
        return done

    @model_validator(mode="after")
    def _each_subrun_once(self) -> Spec:
        seen = {(file.run, file.subrun) for file in self.files}
        if len(seen) != len(self.files):
            raise ValueError("a run and subrun stand twice in files")
        return self

    @property
    def sha256(self) -> str:
        """Hash of every value, defaults included."""
        return sha256_of(self.model_dump(mode="json"))
