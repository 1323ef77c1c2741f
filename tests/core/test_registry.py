from __future__ import annotations

from importlib.metadata import entry_points

import pytest

from mx2prod.core.errors import UsageError
from mx2prod.core.registry import GROUP, Stage, load_stage, stage_names


def test_own_stages_are_registered_in_the_same_way() -> None:
    assert stage_names() == sorted({entry.name for entry in entry_points(group=GROUP)})
    for name in stage_names():
        stage = load_stage(name)
        assert isinstance(stage, Stage)
        assert stage.Config.model_config["extra"] == "forbid"


def test_an_unknown_stage_lists_the_installed_ones() -> None:
    with pytest.raises(UsageError, match=r"no stage 'no-such' is installed \(installed: "):
        load_stage("no-such")
