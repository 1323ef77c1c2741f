"""Namespace, tier, bytes and campaign (X11, X12, X15 to X17)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mx2prod.core.errors import InputFileError
from mx2prod.core.files import adler32_of, require_regular_file, sha256_of_file
from mx2prod.metadata.checks.outer import MAX_NAMESPACE
from mx2prod.metadata.context import Context
from mx2prod.metadata.rules import Finding, rule
from mx2prod.metadata.view import RecordView, as_integer, as_text
from mx2prod.raw.faults import Severity

ADLER32 = re.compile(r"[0-9a-f]{8}\Z")
NO_BYTES = "00000001"
"""adler32 of nothing: the DAQ read the file before it was written."""


@rule("X11", Severity.ERROR, "The namespace is core.run_type and a legal Rucio scope")
def check_namespace(view: RecordView, context: Context) -> Iterator[Finding]:
    """Compare namespace, run type and scope."""
    namespace, run_type = as_text(view.record.get("namespace")), view.text("core.run_type")
    if namespace is None:
        return
    if run_type is not None and namespace != run_type:
        yield Finding("namespace", namespace, f"core.run_type, {run_type}")
    if len(namespace) > MAX_NAMESPACE:
        yield Finding("namespace", namespace, f"at most {MAX_NAMESPACE} characters (Rucio scope)")


@rule("X12", Severity.ERROR, "Tier, format and suffix of the name belong together")
def check_tier(view: RecordView, context: Context) -> Iterator[Finding]:
    """Compare the tier word with format and suffix; an unknown word is left to the word rule."""
    tier = context.schema.by_data_tier.get(view.text("core.data_tier") or "")
    if tier is None:
        return
    file_format = view.text("core.file_format")
    if tier.file_format and file_format not in (None, tier.file_format):
        yield Finding("core.file_format", file_format, f"{tier.file_format} for {tier.data_tier}")
    name = view.file_name
    if name is not None and tier.suffixes and name.suffix not in tier.suffixes:
        want = f"suffix {' or '.join(tier.suffixes)} for {tier.data_tier}"
        yield Finding("name", view.record.get("name"), want)


@rule("X15", Severity.ERROR, "Size and checksums are those of the bytes")
def check_bytes(view: RecordView, context: Context) -> Iterator[Finding]:
    """Read the file again and compare; not evaluated where the file is not at hand."""
    path = context.data_file
    if path is None:
        return
    try:
        size = require_regular_file(path).st_size
        adler32 = adler32_of(path)
    except InputFileError as error:
        yield Finding("size", view.record.get("size"), f"a readable file: {error.message}")
        return
    if view.record.get("size") != size:
        yield Finding("size", view.record.get("size"), size)
    checksums = view.record.get("checksums")
    if not isinstance(checksums, dict):
        return
    if checksums.get("adler32") != adler32:
        yield Finding("checksums.adler32", checksums.get("adler32"), adler32)
    if "sha256" in checksums and checksums["sha256"] != (sha256 := sha256_of_file(path)):
        yield Finding("checksums.sha256", checksums["sha256"], sha256)


@rule("X16", Severity.ERROR, "adler32 is 8 lower-case hexadecimal digits, and not of nothing")
def check_adler32(view: RecordView, context: Context) -> Iterator[Finding]:
    """Check the form of the checksum, and name the usual ways to spoil it."""
    checksums = view.record.get("checksums")
    if not isinstance(checksums, dict) or "adler32" not in checksums:
        return
    adler32 = checksums["adler32"]
    if not isinstance(adler32, str) or not ADLER32.match(adler32):
        yield Finding("checksums.adler32", adler32, _right_form(adler32))
    elif adler32 == NO_BYTES:
        yield Finding("checksums.adler32", adler32, "the checksum of the written file")


def _right_form(adler32: object) -> str:
    number = as_integer(adler32)
    text = (str(number) if number is not None else as_text(adler32) or "").lower()
    padded = text.zfill(8)
    if 0 < len(text) <= 8 and ADLER32.match(padded):
        why = "a leading zero is lost" if len(text) < 8 else "lower case and text"
        return f"{padded}: {why}"
    return "8 lower-case hexadecimal digits"


@rule("X17", Severity.ERROR, "dune.campaign is the campaign of the run period")
def check_campaign(view: RecordView, context: Context) -> Iterator[Finding]:
    """Compare campaign and runs; a run of no period cannot be compared and is a warning."""
    campaign, schema = view.text("dune.campaign"), context.schema
    outside = [run for run in view.runs if schema.campaign_of(run) is None]
    if outside and campaign is None:
        want = "runs of " + ", ".join(f"{p.first_run}-{p.last_run}" for p in schema.periods)
        yield Finding("core.runs", outside, want, Severity.WARNING)
    if campaign is None:
        return
    wrong = [run for run in view.runs if schema.campaign_of(run) != campaign]
    known = sorted({period.campaign for period in schema.periods})
    if campaign not in known:
        yield Finding("dune.campaign", campaign, "one of " + ", ".join(known))
    elif wrong:
        yield Finding("dune.campaign", campaign, f"the campaign of the runs {wrong}")
