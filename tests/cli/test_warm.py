"""``mx2 warm``."""

from __future__ import annotations

from pathlib import Path

import mx2prod

ROOT = Path(mx2prod.__file__).parent
MODULES = {
    ".".join(("mx2prod", *path.relative_to(ROOT).with_suffix("").parts)): path
    for path in ROOT.rglob("*_kernels.py")
}


def test_dry_run_lists_every_module_with_kernels(mx2):
    call = mx2("warm", "--dry-run", "--json")
    assert {row["module"] for row in call.document["modules"]} == set(MODULES)
    people = mx2("warm", "--dry-run").out
    assert "mx2prod.raw.decode_kernels" in people


def test_kernels_are_kept_beside_their_modules(mx2):
    call = mx2("warm", "--jobs", "1", "--json")
    assert call.code == 0
    assert {row["module"] for row in call.document["modules"]} == set(MODULES)
    for path in MODULES.values():
        if "cache=True" in path.read_text():
            assert list((path.parent / "__pycache__").glob(f"{path.stem}.*.nbi")), path


def test_people_see_each_module_and_a_sum(mx2):
    call = mx2("warm", "--jobs", "2")
    assert call.out.startswith(f"kernels of {len(MODULES)} modules are compiled: ")
    assert "mx2prod.digits.suppression_kernels: " in call.err
