"""Units: lengths in mm, times in ns, energies in MeV, charges in fC, ADC in counts.

A number without a unit in its name is in the unit of this table; the factors below convert at the
borders (file formats, command line).
"""

NS_PER_US = 1_000
US_PER_S = 1_000_000
BYTES_PER_GB = 1_000_000_000
KB = 1_000
MB = 1_000_000

TICK_NS = 9.4154
"""Clock tick of the boards; two are taken to be one period of the accelerator's radio frequency
(raw-format page, section 4.1)."""

LIGHT_SPEED = 299.792458
"""mm/ns (exact by definition of the SI)."""
