"""The JSON that the DAQ writes beside a raw file (raw-format page, section 8).

Text and values are the DAQ's of October 2024, its constants and its 32-bit run number included:
what reads simulated files must cope with what the real ones say.
"""

from __future__ import annotations

from dataclasses import dataclass

from mx2prod.core.ids import NAMESPACE, FileName
from mx2prod.core.units import US_PER_S

_TEMPLATE = """\
{{
\t"checksums": {{
\t\t"adler32": "{adler32}"
\t}},
\t"metadata": {{
\t\t"core.data_stream": "{stream}"{blank},
\t\t"core.data_tier": "binary-raw",
\t\t"core.end_time": {end},
\t\t"core.event_count": {gates},
\t\t"core.file_content_status": "good",
\t\t"core.file_format": "binary",
\t\t"core.file_type": "importedDetector",
\t\t"core.first_event_number": {first},
\t\t"core.group": "minerva",
\t\t"core.last_event_number": {last},
\t\t"core.lum_block_ranges": [
\t\t\t[
\t\t\t\t{first},
\t\t\t\t{last}
\t\t\t]
\t\t],
\t\t"core.run_type": "{namespace}",
\t\t"core.runs": [
\t\t\t {run}
\t\t],
\t\t"core.runs_subruns": [
\t\t\t{number}
\t\t],
\t\t"core.start_time": {start},
\t\t"dune.daq_test": "True",
\t\t"misc.file_partition": 1,
\t\t"online.triggerconfig": "NOFILE",
\t\t"online.triggertype": "oneshot",
\t\t"retention.status": "active",
\t\t"retention.class": "commissioning"
\t}},
\t"name": "{name}",
\t"namespace": "{namespace}",
\t"size": {size}
}}"""


@dataclass(frozen=True)
class SidecarContent:
    """What the DAQ knows at the end of a subrun.

    Attributes
    ----------
    name : FileName
    size : int
        Bytes.
    adler32 : str
    gates : int
    first_global_gate, last_global_gate : int
    start_us, end_us : int
        Microseconds since 1970: set-up, and last gate.
    """

    name: FileName
    size: int
    adler32: str
    gates: int
    first_global_gate: int
    last_global_gate: int
    start_us: int
    end_us: int


def wrapped_number(run: int, subrun: int) -> int:
    """``run * 100000 + subrun`` as the DAQ computes it.

    The sum is a signed 32-bit integer that is printed as an unsigned 64-bit one: wrong from run
    21475 on (raw-format page, section 8, trap a).  ``RunSubrun.number`` is right.
    """
    low = (run * 100_000 + subrun) % 2**32
    return low if low < 2**31 else low - 2**32 + 2**64


def sidecar_text(content: SidecarContent) -> str:
    """Text of the JSON."""
    name = content.name
    return _TEMPLATE.format(
        adler32=content.adler32,
        stream=name.stream,
        blank=" " if name.stream == "numib" else "",
        end=content.end_us // US_PER_S,
        gates=content.gates,
        first=content.first_global_gate,
        last=content.last_global_gate,
        namespace=NAMESPACE,
        run=name.run_subrun.run,
        number=wrapped_number(name.run_subrun.run, name.run_subrun.subrun),
        start=content.start_us // US_PER_S,
        name=name,
        size=content.size,
    )
