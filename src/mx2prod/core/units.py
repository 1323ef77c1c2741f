"""Units: lengths in mm, times in ns, energies in MeV, charges in fC, ADC in counts.

A number without a unit in its name is in the unit of this table; the factors below convert at the
borders (file formats, command line).
"""

NS_PER_US = 1_000
US_PER_S = 1_000_000
MM_PER_CM = 10.0
BYTES_PER_GB = 1_000_000_000
KB = 1_000
MB = 1_000_000
