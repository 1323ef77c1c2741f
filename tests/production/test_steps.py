"""The chain of stages from a raw file to a tier."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from pydantic import ValidationError

from mx2prod.core.errors import ConfigError, UsageError
from mx2prod.core.yaml_file import load_yaml
from mx2prod.production import steps
from mx2prod.production.job_constants import folders_of
from mx2prod.production.steps import StageSettings, require_kept, stages_from_raw


def test_stages_of_each_tier():
    assert [stage.name for stage in stages_from_raw("raw-digits")] == ["raw-digits"]
    assert [stage.name for stage in stages_from_raw("sup-digits")] == ["raw-digits", "sup-digits"]


def test_folders_that_stages_read():
    raw, sup = stages_from_raw("sup-digits")
    assert folders_of(raw) == ((), ())
    assert folders_of(sup) == (
        ("minerva2x2_pedestal_constants",), ("minerva2x2_badchannel_constants",),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("chain", "tier"), [({"a": "b", "b": "a"}, "a"), ({"a": "beam-records"}, "a")]
)
def test_stage_that_does_not_start_from_a_raw_file(monkeypatch, chain, tier):
    """Two stages that start from each other, and one that starts from something else."""
    monkeypatch.setattr(steps, "stage_names", lambda: sorted(chain))
    monkeypatch.setattr(steps, "load_stage", lambda n: SimpleNamespace(name=n, consumes=chain[n]))
    with pytest.raises(UsageError, match="and this command from raw files"):
        stages_from_raw(tier)


def test_tiers_to_be_kept():
    chain = stages_from_raw("sup-digits")
    require_kept(["raw-digits", "sup-digits"], chain)
    with pytest.raises(UsageError, match=r"--keep dst: .*made: raw-digits, sup-digits"):
        require_kept(["dst"], chain)


def test_settings_file(tmp_path):
    path = tmp_path / "reconstruction.yaml"
    path.write_text("suppression: {nsigma_hi: 4, drop: [hot]}\n")
    settings = load_yaml(path, StageSettings)
    assert (settings.suppression.nsigma_hi, settings.suppression.drop) == (4.0, ("hot",))
    assert settings.of("raw-digits") is None
    path.write_text("suppression: {nsigma: 4}\n")
    with pytest.raises(ConfigError, match="did you mean"):
        load_yaml(path, StageSettings)
    with pytest.raises(ValidationError):
        StageSettings.model_validate({"supression": {}})
