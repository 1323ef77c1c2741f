"""Calibration: from raw files to tables of constants with verdicts.

Pedestals, gains and the response of the front-end boards take the same way.  The gates of each
subrun are added up in an accumulator of integers (:class:`PedestalAccumulator`,
:class:`LightInjectionAccumulator`, :class:`FebSums`); accumulators merge in any order and grouping
to the same bytes, and are kept as files.  A fit turns one accumulator into numbers for each
channel.  Limits of the settings (:class:`Preproduction`) turn these into status bits of channels
and a :class:`TableVerdict` with its reasons.  The product is written with its verdict last.

One function each does all of it: :func:`calibrate_pedestals`, :func:`calibrate_gains`,
:func:`calibrate_feb`; :func:`import_feb` takes the response from bench files, and
:func:`check_in_situ` compares it with data.
"""

from mx2prod.calibration.accumulator_file import ACCUMULATOR_SUFFIX, is_accumulator
from mx2prod.calibration.boards import board_names, channel_names, inner_channels
from mx2prod.calibration.config import ExportConfig, Preproduction, load_preproduction
from mx2prod.calibration.feb_accumulator import FebSums, FebSumsKind, merge_feb_sums
from mx2prod.calibration.feb_accumulator_file import (
    feb_sums_bytes,
    parse_feb_sums,
    read_feb_sums,
    write_feb_sums,
)
from mx2prod.calibration.feb_calibration import (
    InSituProduct,
    calibrate_feb,
    check_in_situ,
    import_feb,
)
from mx2prod.calibration.feb_config import FebConfig
from mx2prod.calibration.feb_curve import (
    adc_at_kinks,
    adc_of_charge,
    charge_of_adc,
    charge_of_gains,
    curves_of_table,
    nominal_curves,
)
from mx2prod.calibration.feb_filling import accumulate_in_situ, accumulate_injection
from mx2prod.calibration.feb_in_situ import BoardMatch, GainRatios, boards_off, gain_ratios
from mx2prod.calibration.feb_outputs import write_feb_product, write_in_situ
from mx2prod.calibration.feb_product import FebProduct
from mx2prod.calibration.feb_verdict import FEB_BITS
from mx2prod.calibration.gain_calibration import calibrate_gains
from mx2prod.calibration.gain_config import GainConfig, GainVerdictConfig, LightInjectionConfig
from mx2prod.calibration.gain_fit import GainFit, fit_gains
from mx2prod.calibration.gain_inputs import GainInputs
from mx2prod.calibration.gain_outputs import write_gain_product
from mx2prod.calibration.gain_product import GainProduct
from mx2prod.calibration.gain_status import GAIN_BITS
from mx2prod.calibration.histograms import Histograms
from mx2prod.calibration.light_injection_accumulator import (
    LedLevel,
    LightInjectionAccumulator,
    merge_light,
)
from mx2prod.calibration.light_injection_file import (
    light_bytes,
    parse_light,
    read_light,
    write_light,
)
from mx2prod.calibration.light_injection_filling import accumulate_light
from mx2prod.calibration.outputs import output_stem, subrun_of_name
from mx2prod.calibration.pedestal_accumulator import PedestalAccumulator, merge
from mx2prod.calibration.pedestal_compare import PreviousPedestals
from mx2prod.calibration.pedestal_config import PedestalConfig, PedestalVerdictConfig
from mx2prod.calibration.pedestal_file import (
    deserialise,
    read_accumulator,
    serialise,
    write_accumulator,
)
from mx2prod.calibration.pedestal_filling import accumulate
from mx2prod.calibration.pedestal_fit import PedestalFit, fit_pedestals
from mx2prod.calibration.pedestal_outputs import read_with_companion, write_products
from mx2prod.calibration.pedestal_product import PedestalCalibration, PedestalProduct
from mx2prod.calibration.pedestal_status import PEDESTAL_STATUS
from mx2prod.calibration.pedestals import calibrate_pedestals
from mx2prod.calibration.peirce import PedestalMoments, critical_deviation, peirce1
from mx2prod.calibration.sources import SOURCE_DTYPE, SourceFile
from mx2prod.calibration.verdict import (
    CHANNEL_VERDICTS,
    Reason,
    StatusBit,
    TableVerdict,
    Verdict,
    bit_names,
    channel_verdicts,
)

__all__ = [
    "ACCUMULATOR_SUFFIX",
    "CHANNEL_VERDICTS",
    "FEB_BITS",
    "GAIN_BITS",
    "PEDESTAL_STATUS",
    "SOURCE_DTYPE",
    "BoardMatch",
    "ExportConfig",
    "FebConfig",
    "FebProduct",
    "FebSums",
    "FebSumsKind",
    "GainConfig",
    "GainFit",
    "GainInputs",
    "GainProduct",
    "GainRatios",
    "GainVerdictConfig",
    "Histograms",
    "InSituProduct",
    "LedLevel",
    "LightInjectionAccumulator",
    "LightInjectionConfig",
    "PedestalAccumulator",
    "PedestalCalibration",
    "PedestalConfig",
    "PedestalFit",
    "PedestalMoments",
    "PedestalProduct",
    "PedestalVerdictConfig",
    "Preproduction",
    "PreviousPedestals",
    "Reason",
    "SourceFile",
    "StatusBit",
    "TableVerdict",
    "Verdict",
    "accumulate",
    "accumulate_in_situ",
    "accumulate_injection",
    "accumulate_light",
    "adc_at_kinks",
    "adc_of_charge",
    "bit_names",
    "board_names",
    "boards_off",
    "calibrate_feb",
    "calibrate_gains",
    "calibrate_pedestals",
    "channel_names",
    "channel_verdicts",
    "charge_of_adc",
    "charge_of_gains",
    "check_in_situ",
    "critical_deviation",
    "curves_of_table",
    "deserialise",
    "feb_sums_bytes",
    "fit_gains",
    "fit_pedestals",
    "gain_ratios",
    "import_feb",
    "inner_channels",
    "is_accumulator",
    "light_bytes",
    "load_preproduction",
    "merge",
    "merge_feb_sums",
    "merge_light",
    "nominal_curves",
    "output_stem",
    "parse_feb_sums",
    "parse_light",
    "peirce1",
    "read_accumulator",
    "read_feb_sums",
    "read_light",
    "read_with_companion",
    "serialise",
    "subrun_of_name",
    "write_accumulator",
    "write_feb_product",
    "write_feb_sums",
    "write_gain_product",
    "write_in_situ",
    "write_light",
    "write_products",
]
