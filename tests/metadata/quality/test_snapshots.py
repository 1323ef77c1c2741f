"""A verdict that flips: the next snapshot of the good files loses that file, no other changes."""

from __future__ import annotations

import random

from mx2prod import catalog
from mx2prod.catalog.repairing import CatalogueStore
from mx2prod.journal import migrate, open_engine
from mx2prod.metadata.quality import good_definition
from mx2prod.metadata.repair import Evidence, apply_plan, make_plan

NAMESPACE = "neardet-2x2-minerva"
GOOD = f"{NAMESPACE}:good"


def verdicts_applied(store, engine, verdicts):
    plan = make_plan(store, f"{NAMESPACE}:all", "dqc", Evidence(quality=verdicts.get))
    return apply_plan(plan, store, engine, approver="convener").changed


def test_a_flip_from_good_to_bad(tmp_path, new_case):
    rng = random.Random(9)
    cases = [new_case("F", rng, "numib") for _ in range(5)]
    for case in cases:
        case.metadata["dune.output_status"] = "confirmed"
        case.metadata["dune.dqc_quality"] = "unknown"
    engine = open_engine(f"sqlite:///{tmp_path}/production.db", create=True)
    migrate(engine)
    with catalog.open(f"sqlite:///{tmp_path}/catalog.db", create=True) as opened:
        opened.create_namespace(NAMESPACE)
        opened.create_dataset(f"{NAMESPACE}:all")
        for case in cases:
            opened.declare([case.parent, case.record], f"{NAMESPACE}:all", validate=False)
        opened.create_dataset(GOOD, definition=good_definition(f"files from {NAMESPACE}:all"))
        store = CatalogueStore(opened)
        verdicts = {case.did: ["good", "no_match"] if n else "good" for n, case in enumerate(cases)}
        assert sorted(verdicts_applied(store, engine, verdicts)) == sorted(verdicts)
        first = opened.snapshot(GOOD, f"{GOOD}_v1", frozen=True)
        assert first.file_count == len(cases)
        flipped = cases[2].did
        assert verdicts_applied(store, engine, verdicts | {flipped: "bad"}) == [flipped]
        second = opened.snapshot(GOOD, f"{GOOD}_v2", frozen=True)
        before, after = (
            {file.did for file in opened.dataset_files(f"{GOOD}_v{n}")} for n in (1, 2)
        )
        assert before - after == {flipped}
        assert after < before
        assert second.digest != first.digest
        kept = opened.snapshot_of(f"{GOOD}_v1")
        assert kept is not None
        assert kept.digest == first.digest
    engine.dispose()
