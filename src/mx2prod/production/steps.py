"""The stages of a job, one after the other in memory: what each is given, and what is written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field

from mx2prod.core.errors import UsageError
from mx2prod.core.ids import FileName
from mx2prod.core.registry import Stage, load_stage, stage_names
from mx2prod.core.suggest import nearest
from mx2prod.digits import SuppressionConfig
from mx2prod.production.job_constants import StageConstants

if TYPE_CHECKING:
    from mx2prod.output import ProductWriter

RAW = "raw"


class StageSettings(BaseModel):
    """The whole of ``reconstruction.yaml``: settings of the stages that make digits and more."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    suppression: SuppressionConfig = Field(
        default=SuppressionConfig(),
        description="stage sup-digits (reconstruction page, section 4)",
    )

    def of(self, stage: str) -> BaseModel | None:
        """Give the settings of a stage; None if they are not here."""
        return self.suppression if stage == "sup-digits" else None


@dataclass(frozen=True)
class Step:
    """One stage of a job, for one run of a raw file.

    Attributes
    ----------
    stage : Stage
    config : BaseModel
    constants : StageConstants or None
        None for a stage that reads none.
    name : FileName or None
        File of its product; None if it is only handed on.
    """

    stage: Stage
    config: BaseModel
    constants: StageConstants | None
    name: FileName | None

    def open(self, source: Any) -> Any:
        """Start the stage on what it consumes; the stream is for a ``with`` statement."""
        tables = self.constants.tables if self.constants else None
        return self.stage.run({self.stage.consumes: source}, self.config, tables)


def stages_from_raw(tier: str) -> tuple[Stage, ...]:
    """Load the stages that make a tier from a raw file, in order.

    Raises
    ------
    UsageError
        If no stage of the name is installed, or it does not start from a raw file in the end.
    """
    stages = [load_stage(tier)]
    while stages[0].consumes != RAW:
        wanted = stages[0].consumes
        if wanted in {stage.name for stage in stages} or wanted not in stage_names():
            raise UsageError(
                f"stage {tier!r} starts from {wanted!r}, and this command from raw files",
                next_step=f"mx2 process --to one of: {', '.join(stage_names())}",
            )
        stages.insert(0, load_stage(wanted))
    return tuple(stages)


def require_kept(keep: Sequence[str], stages: Sequence[Stage]) -> None:
    """Raise :class:`UsageError` for a tier to be kept that is no step on the way to the last."""
    tiers = [stage.produces for stage in stages]
    for tier in keep:
        if tier not in tiers:
            raise UsageError(
                f"--keep {tier}: not made on the way to {tiers[-1]} (made: {', '.join(tiers)})"
                + nearest(tier, tiers)
            )


def also_written(chunks: Iterable[Any], writer: ProductWriter) -> Iterator[Any]:
    """Hand chunks on, and append each to a product before."""
    for chunk in chunks:
        writer.extend(writer.product.rows(chunk))
        yield chunk
