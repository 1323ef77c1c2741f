"""Devices of the beam data, their units, and how spills are matched to gates.

Device names and the window are proposals until a real export has been seen: each is configuration.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Devices = Annotated[tuple[str, ...], Field(max_length=20)]

PROTONS, CURRENT, LENGTH, TIME = "protons", "kA", "mm", "s"

QUANTITIES = {
    "protons": (PROTONS, "protons on target"),
    "horn_current": (CURRENT, "current of the horns"),
    "x": (LENGTH, "position on the target, horizontal"),
    "y": (LENGTH, "position on the target, vertical"),
    "x_width": (LENGTH, "width on the target, horizontal"),
    "y_width": (LENGTH, "width on the target, vertical"),
    "gps_time": (TIME, "time of the spill by GPS, since 1970"),
}
"""Unit and meaning of each quantity of a spill."""

FACTORS = {
    (PROTONS, ""): 1.0,
    (CURRENT, "ka"): 1.0,
    (CURRENT, "a"): 1e-3,
    (LENGTH, "mm"): 1.0,
    (LENGTH, "cm"): 10.0,
    (LENGTH, "m"): 1000.0,
    (LENGTH, "in"): 25.4,
    (TIME, "s"): 1.0,
    (TIME, "ms"): 1e-3,
}
"""Factor from a unit (lower case) to that of the quantity; protons also have ``E<n>``."""


class BeamConfig(BaseModel):
    """What is read of the beam data (a YAML file of these keys)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    protons: Devices = Field(
        ("E:TRTGTD", "E:TR101D", "E:TORTGT", "E:TOR101"),
        min_length=1,
        description="toroids; the first one with a reading counts",
    )
    horn_current: Devices = Field(
        ("E:NSLINA", "E:NSLINB", "E:NSLINC", "E:NSLIND"),
        description="strip lines, summed; unknown unless all have a reading",
    )
    x: Devices = Field(("E:HPTGT",), description="the first one with a reading counts")
    y: Devices = Field(("E:VPTGT",), description="the first one with a reading counts")
    x_width: Devices = Field(("E:HWTGT",), description="the first one with a reading counts")
    y_width: Devices = Field(("E:VWTGT",), description="the first one with a reading counts")
    gps_time: Devices = Field(("MX2:GPS",), description="the first one with a reading counts")
    spill_s: float = Field(
        0.3, gt=0, le=1.0, description="readings of one spill lie within this time"
    )
    window_s: float = Field(
        0.5,
        gt=0,
        le=5.0,
        description="a gate and its spill are at most this far apart, after the offset",
    )
    offset_s: float = Field(
        0.0, ge=-60, le=60, description="time of a gate minus accelerator time, as expected"
    )

    def devices_of(self, quantity: str) -> tuple[str, ...]:
        """Devices of a quantity, in order of preference."""
        devices: tuple[str, ...] = getattr(self, quantity)
        return devices

    @property
    def quantity_of(self) -> dict[str, str]:
        """Quantity of each device."""
        return {device: name for name in QUANTITIES for device in self.devices_of(name)}
