"""Verdict files of ``mx2 calibrate``, and the files that stand beside them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mx2prod.calibration.outputs import subrun_of_name
from mx2prod.core.errors import InputFileError
from mx2prod.core.files import require_regular_file

SUFFIX = ".verdict.json"
_KEYS = {"kind", "verdict", "reasons", "channels", "gates", "file", "run", "subrun"}


@dataclass(frozen=True)
class VerdictFile:
    """A verdict with its place.

    Attributes
    ----------
    path : Path
    content : mapping
        Members kind, verdict, reasons, channels, gates, file, run, subrun and more.
    """

    path: Path
    content: Mapping[str, Any]

    @classmethod
    def read(cls, path: Path) -> VerdictFile:
        """Read a verdict file.

        Raises
        ------
        InputFileError
            If it cannot be read or is no verdict.
        """
        require_regular_file(path)
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise InputFileError(f"{path}: not a readable verdict: {error}") from error
        missing = _KEYS - set(content) if isinstance(content, dict) else _KEYS
        if missing:
            raise InputFileError(
                f"{path}: no verdict: no {', '.join(sorted(missing))}",
                next_step="make it again with mx2 calibrate",
            )
        return cls(path, content)

    @property
    def stem(self) -> str:
        """Name of the table without any suffix."""
        return self.path.name.removesuffix(SUFFIX)

    def beside(self, suffix: str) -> Path:
        """Path of another file of the same table, for example ``.parquet``."""
        return self.path.with_name(self.stem + suffix)

    @property
    def kind(self) -> str:
        """``pedestal``, ``gain`` or ``feb``."""
        return str(self.content["kind"])

    @property
    def verdict(self) -> str:
        """Verdict of the table."""
        return str(self.content["verdict"])

    @property
    def runs(self) -> list[tuple[int, int]]:
        """Run and subrun of the table, or those that the names of its raw files state."""
        if self.content["run"] is not None:
            return [(int(self.content["run"]), int(self.content["subrun"]))]
        subruns = {subrun for name in self.inputs if (subrun := subrun_of_name(name))}
        return sorted((subrun.run, subrun.subrun) for subrun in subruns)

    @property
    def inputs(self) -> list[str]:
        """Names of the raw files."""
        file = self.content["file"]
        return [Path(name).name for name in ([file] if isinstance(file, str) else file)]

    @property
    def reference(self) -> str:
        """What the table is compared with; empty for nothing."""
        return str(self.content.get("reference") or "")

    @property
    def gates_used(self) -> int:
        """Gates behind the table."""
        return int(self.content["gates"].get("used", 0))

    @property
    def subject(self) -> str:
        """Run and subrun in words."""
        runs = self.runs
        if not runs:
            return self.inputs[0] if self.inputs else self.stem
        if len(runs) == 1:
            return f"run {runs[0][0]} subrun {runs[0][1]}"
        return f"runs {runs[0][0]}/{runs[0][1]} to {runs[-1][0]}/{runs[-1][1]}"

    def why(self) -> str:
        """Give the reasons behind the verdict in one line."""
        texts = [
            str(reason["text"])
            for reason in self.content["reasons"]
            if reason["verdict"] == self.verdict
        ]
        return "; ".join(texts) or "no reason recorded"


def verdict_files(folder: Path, kind: str) -> list[VerdictFile]:
    """Verdicts of a kind in a folder and below it, in order of run, subrun and name.

    Raises
    ------
    InputFileError
        If there is none, or one cannot be read.
    """
    found = [VerdictFile.read(path) for path in sorted(folder.rglob(f"*{SUFFIX}"))]
    chosen = [file for file in found if file.kind == kind]
    if not chosen:
        raise InputFileError(
            f"{folder}: no verdict on a {kind} table in this folder or below it",
            next_step=f"mx2 calibrate {kind}s FILE... -o {folder}",
        )
    return sorted(chosen, key=lambda file: (file.runs or [(2**32, 0)], file.stem))
