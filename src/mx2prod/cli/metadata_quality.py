"""``mx2 metadata quality``: measure and judge the data quality of files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mx2prod.cli.frame import FINDINGS, Frame, pass_frame, print_table
from mx2prod.cli.metadata_sources import Sources
from mx2prod.core.errors import ConfigError, InputFileError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mx2prod.journal import Database
    from mx2prod.metadata.quality import Measurement, RawQuality, StoredVerdict, Thresholds, Verdict

_FILE = click.Path(path_type=Path)


@click.command()
@click.argument("files", nargs=-1, type=_FILE)
@click.option(
    "--record",
    "records",
    multiple=True,
    type=_FILE,
    help="Record of a file made from the raw file; judged with its measurements.",
)
@click.option(
    "--constants",
    metavar="GTAG[@DIGEST]",
    default="",
    help="Global tag that is to hold for the files; also for dead and hot channels.",
)
@click.option("--beam", type=_FILE, help="Beam records, as mx2 beam import writes them.")
@click.option("--facts", type=_FILE, help="JSON with the values of items that others measure.")
@click.option("--thresholds", "table", type=_FILE, help="TOML with thresholds of your own.")
@click.option("--sign", is_flag=True, help="Sign for the run period, as the account of this call.")
@click.option("--store", is_flag=True, help="Keep the verdicts in the production's database.")
@click.option("--dataset", help="Print the query of the good files of this query instead.")
@click.option("--dry-run", is_flag=True, help="With --store: keep nothing.")
@pass_frame
def quality(
    frame: Frame,
    *,
    files: tuple[Path, ...],
    records: tuple[Path, ...],
    constants: str,
    beam: Path | None,
    facts: Path | None,
    table: Path | None,
    sign: bool,
    store: bool,
    dataset: str | None,
    dry_run: bool,
) -> None:
    """Judge the data quality of raw files, and of files made from them.

    Decoding, boards, frame errors and high voltage are measured in the raw file, constants and
    channels in the global tag, beam gates in the beam records; what else is known comes with
    --facts, {"ITEM": VALUE, ...}.  A hard item that nothing tells leaves the verdict unknown; good
    needs every hard item and a signature.
    The verdicts reach the records with: mx2 metadata repair --rule dqc.

    Exit code 0: no file is bad; 3: bad files, listed; 2: bad input.

    \b
    Examples:
      mx2 metadata quality TS1_00050017_0017_numib_v09_2407100856_RawData.dat --store
      mx2 metadata quality --dataset "files from twalton:mx2_run1c"
    """
    if dataset is not None:
        from mx2prod.metadata.quality import good_definition

        text = good_definition(dataset)
        frame.emit({"definition": text}, lambda: click.echo(text))
        return
    if not files or (records and len(files) > 1):
        raise UsageError("give raw files; with --record the one raw file of those records")
    thresholds = _thresholds(table)
    sources = Sources(constants, beam, _facts(facts, thresholds))
    signer = _account() if sign else ""
    verdicts = [
        verdict
        for path in files
        for verdict in _judged(frame, path, records, sources, thresholds, signer=signer)
    ]
    stored = _store(frame, verdicts) if store and not dry_run else []
    frame.emit(_documents(verdicts, stored, dry_run=dry_run), lambda: _show(verdicts, stored))
    if any(verdict.word == "bad" for verdict in verdicts):
        click.get_current_context().exit(FINDINGS)


def quality_database(frame: Frame) -> Database:
    """Database that keeps the verdicts: that of the production."""
    from mx2prod.journal import approvals_database

    return approvals_database(frame.workspace, "repair-plan")


def _judged(
    frame: Frame,
    path: Path,
    records: Sequence[Path],
    sources: Sources,
    thresholds: Thresholds,
    *,
    signer: str,
) -> list[Verdict]:
    """Verdicts on a raw file and on the files of the records."""
    from mx2prod.core.ids import NAMESPACE, FileName
    from mx2prod.metadata import load_schema
    from mx2prod.metadata.quality import NOT_MEASURED, Measurement, judge, measure_raw

    name = FileName.parse(path.name)
    if not name.is_raw:
        raise UsageError(f"{path}: not a raw file; files made from it are given with --record")
    schema = load_schema().with_suffixes(frame.workspace.settings.names.suffix)
    measured = measure_raw(path, thresholds)
    absent = {item: Measurement(None, why) for item, why in NOT_MEASURED.items()}
    told = sources.measured(frame, path, name.run_subrun)
    common = {**absent, **measured.values, **told}
    beam = schema.streams[name.stream].beam
    subjects = [(f"{NAMESPACE}:{path.name}", "R", dict[str, Measurement]())]
    subjects += [_of_record(item, path, measured, schema) for item in records]
    return [
        judge(
            did, {**common, **own, **sources.facts}, thresholds,
            letter=letter, beam=beam, content_sha=measured.info.adler32, signed_by=signer,
        )
        for did, letter, own in subjects
    ]  # fmt: skip


def _of_record(
    path: Path, raw: Path, measured: RawQuality, schema: Any
) -> tuple[str, str, dict[str, Measurement]]:
    """Did, tier letter, and what a record itself tells."""
    from mx2prod.metadata import read_record
    from mx2prod.metadata.quality import Measurement
    from mx2prod.metadata.view import RecordView

    view = RecordView(read_record(path), schema)
    if view.did is None or view.letter is None or view.run_subruns == []:
        raise InputFileError(f"{path}: no record of an Mx2 file")
    item = view.run_subruns[0]
    if (item.run, item.subrun) != (measured.info.run, measured.info.subrun):
        raise InputFileError(f"{path}: is of run/subrun {item}, {raw.name} is not")
    numbers = view.integers("dune.mx2x2_global_subrun_numbers")
    own = {} if not numbers else {
        "charge_match": Measurement(float(len(numbers)), f"{len(numbers)} global subruns")
    }  # fmt: skip
    return view.did, view.letter, own


def _thresholds(path: Path | None) -> Thresholds:
    import tomllib

    from mx2prod.core.files import require_regular_file
    from mx2prod.metadata.quality import load_thresholds, read_thresholds

    if path is None:
        return load_thresholds()
    require_regular_file(path)
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not TOML: {error}") from error
    return read_thresholds(document, str(path))


def _facts(path: Path | None, thresholds: Thresholds) -> dict[str, Measurement]:
    """Values of items from a file; null for one that is not known."""
    from mx2prod.core.suggest import nearest
    from mx2prod.metadata import read_record
    from mx2prod.metadata.quality import Measurement
    from mx2prod.metadata.view import as_number

    if path is None:
        return {}
    document = read_record(path)
    known = [item.name for item in thresholds.item]
    if not isinstance(document, dict):
        raise InputFileError(f'{path}: expected {{"ITEM": VALUE, ...}}')
    values = {}
    for name, value in document.items():
        if name not in known:
            raise InputFileError(f"{path}: no item {name!r}" + nearest(name, known))
        number = as_number(value)
        if value is not None and (number is None or number < 0):
            raise InputFileError(f"{path}: {name}: {value!r}, expected a number of 0 or more")
        values[name] = Measurement(None if number is None else float(number), f"from {path.name}")
    return values


def _account() -> str:
    from mx2prod.journal import events

    return events.account()


def _store(frame: Frame, verdicts: Sequence[Verdict]) -> list[StoredVerdict]:
    from mx2prod.journal import migrate
    from mx2prod.metadata.quality import QualityStore

    with quality_database(frame).opened(frame.workspace, create=True) as engine:
        migrate(engine)
        kept = QualityStore(engine, create=True)
        return [kept.put(verdict) for verdict in verdicts]


def _documents(
    verdicts: Sequence[Verdict], stored: Sequence[StoredVerdict], *, dry_run: bool
) -> list[dict[str, Any]]:
    versions: list[int | None] = [item.dq_version for item in stored] or [None] * len(verdicts)
    return [
        {**verdict.as_dict(), "dq_version": version, "dry_run": dry_run}
        for verdict, version in zip(verdicts, versions, strict=True)
    ]


def _show(verdicts: Sequence[Verdict], stored: Sequence[StoredVerdict]) -> None:
    for number, verdict in enumerate(verdicts):
        flags = f", flags {', '.join(verdict.flags)}" if verdict.flags else ""
        version = f" (version {stored[number].dq_version} stored)" if stored else ""
        click.echo(f"{verdict.did}: {verdict.word.upper()}{flags}{version}")
        for reason in verdict.reasons:
            click.echo(f"  {reason}")
        words = {True: "pass", False: "FAIL", None: "?"}
        rows = [
            [item.item, words[item.passed], "-" if item.value is None else f"{item.value:.5g}",
             f"{item.threshold} {item.unit}", item.fails, item.detail]
            for item in verdict.items
        ]  # fmt: skip
        columns = ["item", "", "value", "expected", "if it fails", "counted"]
        print_table("", columns, rows, empty="no item")
