"""Configuration files in YAML, checked against a pydantic model."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from mx2prod.core.errors import ConfigError
from mx2prod.core.files import require_regular_file
from mx2prod.core.workspace import describe

Model = TypeVar("Model", bound=BaseModel)


class _Loader(yaml.SafeLoader):
    """The safe loader, which refuses a key that stands twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        lines: dict[Any, int] = {}
        for key_node, _ in node.value:
            key = getattr(key_node, "value", None)
            line = key_node.start_mark.line + 1
            if isinstance(key, str) and lines.setdefault(key, line) != line:
                raise yaml.MarkedYAMLError(
                    problem=f"key {key!r} stands twice, first in line {lines[key]}",
                    problem_mark=key_node.start_mark,
                )
        return super().construct_mapping(node, deep=deep)


def load_yaml(path: Path, model: type[Model]) -> Model:
    """Read a YAML file and check it; an empty file gives the defaults.

    Parameters
    ----------
    path : Path
    model : type of pydantic model

    Raises
    ------
    InputFileError
        If the file cannot be read.
    ConfigError
        If it is not YAML, or a key or value is not allowed; names file, key, what is allowed and,
        for an unknown key, the nearest known one.
    """
    require_regular_file(path)
    try:
        # A subclass of the safe loader makes plain values only.
        content = yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: not YAML: {_one_line(error)}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}", next_step=f"file {path}") from error
    content = {} if content is None else content
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: {type(content).__name__} found, expected keys and values")
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise ConfigError(f"{path}: {describe(error, model)}") from error


def _one_line(error: yaml.YAMLError) -> str:
    return " ".join(str(error).split())
