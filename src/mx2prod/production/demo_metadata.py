"""The demonstration of metadata: the example of the talk, and the quality of the raw files."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mx2prod.core.files import write_text
from mx2prod.core.ids import Did, FileName
from mx2prod.core.workspace import Workspace
from mx2prod.journal import approvals_database, migrate
from mx2prod.metadata import Problem, check_record, example
from mx2prod.metadata.problems import OURS
from mx2prod.metadata.quality import (
    NOT_MEASURED,
    Measurement,
    QualityStore,
    Thresholds,
    Verdict,
    judge,
    load_thresholds,
    measure_raw,
)
from mx2prod.metadata.records import record_text
from mx2prod.metadata.schema import Schema, load_schema
from mx2prod.raw.faults import Severity

FOLDER, RULES = "metadata", "talk_example_rules.md"
EXAMPLES = ("printed", "corrected")


@dataclass(frozen=True)
class MetadataReport:
    """The example of the talk, and verdicts on the raw files.

    Attributes
    ----------
    problems : dict of str to list of Problem
        Of the record as it was printed, and as it should be.
    verdicts : list of Verdict
    paths : list of Path
        Both records, and the table of the rules.
    seconds : float
    """

    problems: dict[str, list[Problem]]
    verdicts: list[Verdict]
    paths: list[Path]
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """Give all of it for programs."""
        return {
            "talk_example": {
                name: [item.as_dict() for item in found] for name, found in self.problems.items()
            },
            "quality": [item.as_dict() for item in self.verdicts],
            "paths": [str(path) for path in self.paths],
            "seconds": round(self.seconds, 2),
        }

    def errors(self, name: str) -> list[Problem]:
        """Errors of one of the records."""
        return [item for item in self.problems[name] if item.severity is Severity.ERROR]


def metadata_of_run1(workspace: Workspace, folder: Path, raw: Sequence[Path]) -> MetadataReport:
    """Check the example of the talk, and judge and keep the quality of the raw files.

    Parameters
    ----------
    workspace : Workspace
        That of the demonstration.
    folder : Path
        Of the demonstration, as the user named it.
    raw : sequence of Path
        Raw files.
    """
    started = time.perf_counter()
    problems = {name: check_record(example(name)) for name in EXAMPLES}
    paths = [folder / FOLDER / f"talk_example_{name}.json" for name in EXAMPLES]
    for name, path in zip(EXAMPLES, paths, strict=True):
        write_text(path, record_text(example(name)), overwrite=True)
    rules = folder / FOLDER / RULES
    write_text(rules, _rules_text(problems), overwrite=True)
    thresholds, schema = load_thresholds(), load_schema()
    namespace = workspace.settings.workspace.namespace
    verdicts = [_verdict(Did(namespace, path.name), path, thresholds, schema) for path in raw]
    _keep(workspace, verdicts)
    return MetadataReport(problems, verdicts, [*paths, rules], time.perf_counter() - started)


def _verdict(did: Did, path: Path, thresholds: Thresholds, schema: Schema) -> Verdict:
    """Judge a raw file by what stands in it; nobody signs."""
    absent = {item: Measurement(None, why) for item, why in NOT_MEASURED.items()}
    measured = measure_raw(path, thresholds)
    beam = schema.streams[FileName.parse(path.name).stream].beam
    return judge(
        str(did), {**absent, **measured.values}, thresholds,
        letter="R", beam=beam, content_sha=measured.info.adler32, signed_by="",
    )  # fmt: skip


def _keep(workspace: Workspace, verdicts: Sequence[Verdict]) -> None:
    database = approvals_database(workspace, "repair-plan")
    with database.opened(workspace, create=True) as engine:
        migrate(engine)
        store = QualityStore(engine, create=True)
        for verdict in verdicts:
            store.put(verdict)


def _rules_text(problems: dict[str, list[Problem]]) -> str:
    """Every finding in a table, what is ours first."""
    texts = ["# The example of the workflow talk, checked\n"]
    for name, found in problems.items():
        texts.append(f"\n## As {name}: {len(found)} findings\n\n")
        texts.append("| authority | severity | rule | field | found | expected |\n")
        texts.append("|---|---|---|---|---|---|\n")
        for item in sorted(found, key=lambda one: one.authority != OURS):
            row = item.as_dict()
            cells = [row["authority"], row["severity"], row["rule"], row["field"],
                     _cell(row["got"]), _cell(row["want"])]  # fmt: skip
            texts.append(f"| {' | '.join(cells)} |\n")
    return "".join(texts)


def _cell(value: Any) -> str:
    """Value as JSON, in a cell of Markdown."""
    text = "nothing" if value is None else f"`{json.dumps(value)}`"
    return text.replace("|", "\\|")
