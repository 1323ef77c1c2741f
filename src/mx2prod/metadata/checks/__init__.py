"""The checks of one record, by subject; importing this package fills the registry."""

from mx2prod.metadata.checks import (
    dataset,
    fields,
    gates,
    identity,
    lineage,
    outer,
    quality,
    times,
    workflow,
)

__all__ = [
    "dataset",
    "fields",
    "gates",
    "identity",
    "lineage",
    "outer",
    "quality",
    "times",
    "workflow",
]
