"""Read a product back from its ROOT file, and verify it."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mx2prod.core.errors import InputFileError, Mx2Error, UsageError
from mx2prod.core.files import require_regular_file
from mx2prod.output.content import ContentHash
from mx2prod.output.schema import COUNTER, Product, Rows, Tree, problems_of

_META = "Meta"


@contextlib.contextmanager
def open_root(path: Path) -> Iterator[Any]:
    """Open a ROOT file for reading, for a ``with`` block.

    Raises
    ------
    InputFileError
        If the file cannot be read, is not a ROOT file or is damaged; also for what goes wrong
        inside the block while reading.
    """
    import uproot

    require_regular_file(path)
    try:
        with uproot.open(path) as file:
            yield file
    except (Mx2Error, MemoryError):
        raise
    except Exception as error:  # a damaged file makes ROOT readers and codecs raise any kind
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise InputFileError(
            f"{path}: not a readable ROOT file: {type(error).__name__}: {reason}"
        ) from error


def read_meta(path: Path) -> dict[str, Any]:
    """Read the ``Meta`` object of a product.

    Raises
    ------
    InputFileError
        If the file cannot be read, has no ``Meta``, or it is not a JSON object.
    """
    with open_root(path) as file:
        return _meta_of(path, file)


def _meta_of(path: Path, file: Any) -> dict[str, Any]:
    if _META not in file:
        raise InputFileError(f"{path}: no object {_META!r}: not a product of mx2prod")
    try:
        meta = json.loads(str(file[_META]))
    except json.JSONDecodeError as error:
        raise InputFileError(f"{path}: {_META} is not JSON: {error}") from error
    if not isinstance(meta, dict):
        raise InputFileError(f"{path}: {_META} is not a JSON object")
    return meta


def rows_in_pieces(file: Any, tree: Tree) -> Iterator[Rows]:
    """Give the rows of a tree basket by basket, in order.

    Parameters
    ----------
    file : uproot file
    tree : Tree

    Yields
    ------
    Rows
        In the types of the schema.
    """
    stored = file[tree.path]
    edges = stored[tree.branches[0][0]].entry_offsets
    for first, last in pairwise(edges):
        if last > first:
            yield read_rows(stored, tree, first, last)


def read_rows(stored: Any, tree: Tree, first: int, last: int) -> Rows:
    """Read entries ``first`` to ``last`` (excluded) of a tree."""
    if not tree.jagged:
        return Rows({c.name: _values(stored[c.name], c.dtype, first, last) for c in tree.columns})
    counts = _values(stored[COUNTER], np.dtype("<i4"), first, last)
    columns = {c.name: _jagged(stored[c.name], c.dtype, counts, first, last) for c in tree.columns}
    return Rows(columns, counts)


def _values(branch: Any, dtype: np.dtype[Any], first: int, last: int) -> npt.NDArray[Any]:
    return np.asarray(branch.array(entry_start=first, entry_stop=last, library="np"), dtype=dtype)


def _jagged(
    branch: Any, dtype: np.dtype[Any], counts: npt.NDArray[np.int32], first: int, last: int
) -> npt.NDArray[Any]:
    import awkward as ak

    array = branch.array(entry_start=first, entry_stop=last, library="ak")
    if not np.array_equal(ak.to_numpy(ak.num(array)), counts):
        raise InputFileError(f"branch {branch.name}: lengths differ from the counter {COUNTER!r}")
    return np.asarray(ak.to_numpy(ak.flatten(array)), dtype=dtype)


def read_trees(
    path: Path, product: type[Product], first: int = 0, last: int | None = None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read gates ``first`` to ``last`` (excluded; default: to the end) of all trees of a product.

    Returns
    -------
    meta : dict
    trees : dict of str to awkward.Array
        By tree path: a record a gate, or a list of records a gate in a jagged tree.

    Raises
    ------
    InputFileError
        If the file cannot be read or is not a product of mx2prod.
    UsageError
        If it is another product.
    """
    import awkward as ak

    meta = read_meta(path)
    if meta.get("schema") != product.schema:
        raise UsageError(f"{path}: holds {meta.get('schema')!r}, expected {product.schema!r}")
    trees = {}
    with open_root(path) as file:
        for tree in product.trees:
            names = [column.name for column in tree.columns]
            array = file[tree.path].arrays(names, entry_start=first, entry_stop=last)
            trees[tree.path] = ak.zip({n: array[n] for n in names}) if tree.jagged else array
    return meta, trees


def examine_product(
    path: Path, product: type[Product], content_sha256: str | None = None
) -> tuple[dict[str, Any], list[str]]:
    """Read every branch of a product; compare it with its schema and its hash.

    Parameters
    ----------
    path : Path
    product : type of Product
    content_sha256 : str, optional
        Hash of the columns as they were given to the writer; by default the one in ``Meta``.

    Returns
    -------
    meta : dict
        The ``Meta`` of the file.
    problems : list of str
        Trees, branches, types, lengths, limits or content that differ; empty for a good file.

    Raises
    ------
    InputFileError
        If the file cannot be read.
    """
    with open_root(path) as file:
        meta = _meta_of(path, file)
        content = ContentHash(product)
        problems = _schema_problems(file, meta, product)
        for tree in [] if problems else product.trees:
            for rows in rows_in_pieces(file, tree):
                problems += problems_of(tree, rows)
                content.update(tree.path, rows)
    return meta, problems or _content_problems(meta, content, content_sha256)


def verify_product(path: Path, product: type[Product]) -> dict[str, Any]:
    """Check a product file against its schema and its own hash; return its ``Meta``.

    Raises
    ------
    InputFileError
        If the file cannot be read, or is not a good file of the product.
    """
    meta, problems = examine_product(path, product)
    if problems:
        raise InputFileError(f"{path}: not a good {product.schema} file: {'; '.join(problems)}")
    return meta


def _schema_problems(file: Any, meta: dict[str, Any], product: type[Product]) -> list[str]:
    problems = []
    if meta.get("schema") != product.schema:
        problems.append(f"schema is {meta.get('schema')!r}, expected {product.schema!r}")
    if meta.get("schema_sha256") != product.fingerprint():
        problems.append("columns are not those of this version of the schema")
    for tree in product.trees:
        if tree.path not in file:
            problems.append(f"tree {tree.path} is missing")
            continue
        branches = [(branch.name, branch.title) for branch in file[tree.path].branches]
        if branches != tree.branches:
            problems.append(f"branches of {tree.path} are {branches}, expected {tree.branches}")
    return problems


def _content_problems(
    meta: dict[str, Any], content: ContentHash, expected: str | None
) -> list[str]:
    problems = []
    for path, lengths in meta.get("trees", {}).items():
        found = {"entries": content.entries.get(path), "rows": content.rows.get(path)}
        if found != lengths:
            problems.append(f"{path} has {found}, expected {lengths}")
    if content.hexdigest() != (expected or meta.get("content_sha256")):
        problems.append("the columns read back are not those that were written")
    return problems
