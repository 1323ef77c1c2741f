"""Digits: pixels of the front-end boards, gate by gate."""

from mx2prod.digits.attenuation import strip_light
from mx2prod.digits.calibrated_columns import (
    CAL_DIGIT_DTYPE,
    CAL_DIGIT_FLAG_MEANING,
    CalDigitFlag,
)
from mx2prod.digits.calibrated_digits import (
    CALIBRATION_FOLDERS,
    OPTIONAL_CALIBRATION_FOLDERS,
    CalibratedDigitStream,
)
from mx2prod.digits.calibration import CalibratedDigitChunk, calibrated
from mx2prod.digits.calibration_config import CalibrationConfig, DefaultConstant
from mx2prod.digits.calibration_constants import CalibrationConstants
from mx2prod.digits.calibration_light import StripAttenuation
from mx2prod.digits.calibration_times import Clock
from mx2prod.digits.flags import DIGIT_FLAG_MEANING, DigitFlag
from mx2prod.digits.raw_digit_columns import RawDigitChunk, raw_digit_chunks
from mx2prod.digits.suppression import (
    SUP_REASON_MEANING,
    Cuts,
    SupDigitChunk,
    SupReason,
    suppressed,
)
from mx2prod.digits.suppression_config import SuppressionConfig
from mx2prod.digits.times import HitTimes, hit_ticks, hit_times

__all__ = [
    "CALIBRATION_FOLDERS",
    "CAL_DIGIT_DTYPE",
    "CAL_DIGIT_FLAG_MEANING",
    "DIGIT_FLAG_MEANING",
    "OPTIONAL_CALIBRATION_FOLDERS",
    "SUP_REASON_MEANING",
    "CalDigitFlag",
    "CalibratedDigitChunk",
    "CalibratedDigitStream",
    "CalibrationConfig",
    "CalibrationConstants",
    "Clock",
    "Cuts",
    "DefaultConstant",
    "DigitFlag",
    "HitTimes",
    "RawDigitChunk",
    "StripAttenuation",
    "SupDigitChunk",
    "SupReason",
    "SuppressionConfig",
    "calibrated",
    "hit_ticks",
    "hit_times",
    "raw_digit_chunks",
    "strip_light",
    "suppressed",
]
