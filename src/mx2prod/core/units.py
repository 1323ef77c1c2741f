"""Units: lengths in mm, times in ns, energies in MeV, charges in fC, ADC in counts.

A number without a unit in its name is in the unit of this table; the factors below convert at the
borders (file formats, command line).
"""

US_PER_S = 1_000_000
BYTES_PER_GB = 1_000_000_000
MB = 1_000_000
