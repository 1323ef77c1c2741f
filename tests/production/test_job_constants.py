"""What a job is told about the constants that it reads."""

from __future__ import annotations

import pytest

from mx2prod.conditions import (
    RunList,
    check,
    choose,
    create_tag,
    freeze,
    group,
    position,
    put,
    request_approval,
    set_run_list,
    waive,
)
from mx2prod.core.errors import NoConditionsError
from mx2prod.core.ids import RunSubrun
from mx2prod.core.workspace import Workspace, write_workspace
from mx2prod.production import open_constants
from mx2prod.production.steps import stages_from_raw
from tests.conditions.making import ORIGIN, PEDESTALS, make_world, pedestals, urls_of
from tests.stores import PARAMETERS


@pytest.fixture(params=PARAMETERS)
def workspace(request, tmp_path):
    """Pedestals from 1702/5 on, extended to 1702/1, approved in an emergency."""
    write_workspace(tmp_path, "test")
    urls = urls_of(request.param, tmp_path, request)
    world = make_world(tmp_path, urls)
    store = world.development
    create_tag(store, PEDESTALS, "t", reason="x")
    put(store, PEDESTALS, pedestals(), tag="t", since=position(1702, 5), reason="x",
        provenance=ORIGIN)  # fmt: skip
    group(store, "g", {PEDESTALS: "t"}, reason="x")
    set_run_list(store, "g", RunList.of([position(1702, 1), position(1702, 6)]))
    choose(store, "g", PEDESTALS, position(1702, 1), "extend", reason="same HV")
    for result in check(store, "g").failed:
        waive(store, "g", result.rule, person="cal", reason="one board")
    freeze(store, "g", reason="x")
    request_approval(store, world.roles.load(), "g", reason="night", emergency=True)
    world.sign("g", "con", "cora")
    world.promote("g")
    world.close()
    settings = Workspace.load(tmp_path).settings
    conditions = settings.conditions.model_copy(update={"production": urls[1]})
    return Workspace(tmp_path, settings.model_copy(update={"conditions": conditions}))


def test_choices_and_emergencies_are_noticed(workspace):
    *_, stage = stages_from_raw("sup-digits")
    with open_constants(workspace, "g") as constants:
        chosen = constants.of_stage(stage, RunSubrun(1702, 1))
        assert chosen.notices == (
            f"{PEDESTALS}: no table of its own, extend as signed",
            "g was approved in an emergency, provisionally",
        )
        assert chosen.as_dict()["folders"][PEDESTALS]["choice"] == "extend"
        own = constants.of_stage(stage, RunSubrun(1702, 6))
        assert own.notices == ("g was approved in an emergency, provisionally",)
        assert own.as_dict()["folders"][PEDESTALS]["choice"] is None
        with pytest.raises(NoConditionsError, match=r"before it: none, after it: \[1702/1"):
            constants.of_stage(stage, RunSubrun(1701, 1))
        assert constants.signed_by == ("con", "cora")
        assert constants.seconds > 0


def test_nothing_named_is_nothing_opened(tmp_path):
    write_workspace(tmp_path, "test")
    with open_constants(Workspace.load(tmp_path)) as constants:
        assert constants is None
