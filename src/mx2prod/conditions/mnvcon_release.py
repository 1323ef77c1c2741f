"""What a job of the official release needs to read from our server (conditions page, section 13).

The release asks for tables while it runs, and tries for twenty minutes and more when one is
missing; so everything is resolved before it is started.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from mx2prod.conditions.mnvcon import PREFIX
from mx2prod.conditions.server_served import Served
from mx2prod.conditions.wire import APP, time_text
from mx2prod.core.errors import ConfigError, NoConditionsError

TOOLS = (
    "GetCalAttenuation",
    "GetStripResponse",
    "GetCalEnergy",
    "TimingCorrections",
    "BadChanTool",
    "GetCalCharge",
    "GetCalPE",
    "GetTempResponse",
    "PedSupTool",
)
"""Tools of the release that read constants."""

_LOOPBACK = "127.0.0.1,localhost"
_PROXIES = ("http_proxy", "https_proxy", "all_proxy")
_ADDRESS = re.compile(r"https?://[^\s\"';]+")
_OPTION = re.compile(r"ToolSvc\.(\w+)\.DbUrl\s*=\s*\"([^\"]*)\"\s*;")


def base_address(server: str, served: Served) -> str:
    """Pinned base address for nucondb.

    Parameters
    ----------
    server : str
        ``http://HOST:PORT``; the port must be named, because old readers need it.
    served : Served

    Raises
    ------
    ConfigError
        If no port is named.
    """
    if urlsplit(server).port is None:
        raise ConfigError(f"{server}: expected http://HOST:PORT, with the port")
    return f"{server}{PREFIX}{served.reference}/{APP.name}/"


def option_lines(base: str) -> str:
    """Lines of an option file that send all tools to one base address."""
    return "".join(f'ToolSvc.{tool}.DbUrl = "{base}";\n' for tool in TOOLS)


def check_options(text: str, base: str) -> None:
    """Check the final options of a job.

    Parameters
    ----------
    text : str
        All option files together, in the order in which they are read.
    base : str

    Raises
    ------
    ConfigError
        If a tool is not sent to this base, or any other address is left; all are named.
    """
    set_last = dict(_OPTION.findall(text))
    problems = [
        f"{tool} reads from {set_last.get(tool, 'its default server')}"
        for tool in TOOLS
        if set_last.get(tool) != base
    ]
    allowed = urlsplit(base).netloc
    others = {found for found in _ADDRESS.findall(text) if urlsplit(found).netloc != allowed}
    problems += [f"{address} is another server" for address in sorted(others)]
    if problems:
        raise ConfigError(
            f"options of the release: {'; '.join(problems)}",
            next_step=f'ToolSvc.<tool>.DbUrl = "{base}"; as the last option of each tool',
        )


def environment(variables: Mapping[str, str]) -> dict[str, str]:
    """Environment for the release: no proxy stands between it and this machine.

    Parameters
    ----------
    variables : mapping of str to str
        Environment of the job.
    """
    kept = {name: value for name, value in variables.items() if name.lower() not in _PROXIES}
    return kept | {"no_proxy": _LOOPBACK, "NO_PROXY": _LOOPBACK}


def require_times(served: Served, times_us: Iterable[int]) -> None:
    """Check that every folder has a table at each time, such as a job's first and last gates.

    Raises
    ------
    NoConditionsError
        If not; names every folder and time.
    StateError
        If the global tag has no run-to-time map.
    """
    missing = [
        (folder.folder, time_us)
        for folder in served.view.manifest
        for time_us in times_us
        if served.timed(folder).at(time_us) is None
    ]
    if missing:
        places = ", ".join(f"{folder} at {time_text(time_us)} s" for folder, time_us in missing)
        raise NoConditionsError(
            f"{served.view.gtag}: no constants: {places}",
            folder=missing[0][0], run=0, subrun=0,
            next_step=f"mx2 conditions gaps {served.view.gtag}",
        )  # fmt: skip
