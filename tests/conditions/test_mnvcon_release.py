"""What a job of the official release needs to read from our server."""

from __future__ import annotations

import pytest

from mx2prod.conditions import Store, Use
from mx2prod.conditions.mnvcon_release import (
    TOOLS,
    base_address,
    check_options,
    environment,
    option_lines,
    require_times,
)
from mx2prod.conditions.server_run import running
from mx2prod.conditions.server_served import Served
from mx2prod.conditions.server_sources import StoreSource
from mx2prod.core.errors import ConfigError, NoConditionsError
from tests.conditions.making import PEDESTALS, digest_now, pedestals
from tests.conditions.serving import FIRST_US, SUBRUN_US, open_gtag
from tests.conditions.wire_clients import Nucondb2012

BASE = "http://127.0.0.1:40000/compat/run1@0123456789abcdef/app/"


def served(store: Store, *means: float | None) -> Served:
    open_gtag(store, "run1", [None if mean is None else pedestals(mean) for mean in means])
    return StoreSource(store, Use.TEST).served(f"run1@{digest_now(store, 'run1')}")


def test_the_address_is_one_that_readers_can_use(store: Store) -> None:
    found = served(store, 430.0)
    with running(StoreSource(store, Use.TEST)) as url:
        reader = Nucondb2012(base_address(url, found))
        reader.update(PEDESTALS, FIRST_US / 1e6)
        assert reader.value(1056768, "hg_mean") == 430.0
    with pytest.raises(ConfigError, match="with the port"):
        base_address("http://localhost", found)


def test_all_tools_are_sent_to_the_server() -> None:
    lines = option_lines(BASE)
    assert lines.count("\n") == len(TOOLS) == 9
    assert f'ToolSvc.GetCalPE.DbUrl = "{BASE}";\n' in lines
    check_options(lines, BASE)
    earlier = 'ToolSvc.GetCalPE.DbUrl = "";\n#include "x.opts"\n'
    check_options(earlier + lines, BASE)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ("", "GetCalAttenuation reads from its default server"),
        (
            option_lines(BASE).replace("ToolSvc.PedSupTool", "#"),
            "PedSupTool reads from its default",
        ),
        (option_lines(BASE) + 'ToolSvc.GetCalPE.DbUrl = "";', "GetCalPE reads from ;"),
        (
            option_lines(BASE) + 'ToolSvc.New.Url = "https://db.example.org:8443/app/";',
            "https://db.example.org:8443/app/ is another server",
        ),
    ],
)
def test_options_that_lead_elsewhere_are_refused(options: str, text: str) -> None:
    with pytest.raises(ConfigError, match="options of the release") as caught:
        check_options(options, BASE)
    assert text in f"{caught.value.message};"


def test_no_proxy_is_left() -> None:
    found = environment({"http_proxy": "p:1", "HTTPS_PROXY": "p:2", "PATH": "/bin"})
    loopback = "127.0.0.1,localhost"
    assert found == {"PATH": "/bin", "no_proxy": loopback, "NO_PROXY": loopback}


def test_a_missing_table_is_named_before_the_release_starts(store: Store) -> None:
    found = served(store, 430.0, None, 431.0)
    require_times(found, (FIRST_US, FIRST_US + 3 * SUBRUN_US))
    with pytest.raises(NoConditionsError, match=rf"{PEDESTALS} at 1720003600\.0 s, {PEDESTALS} at"):
        require_times(found, [FIRST_US + SUBRUN_US, FIRST_US - 1])
