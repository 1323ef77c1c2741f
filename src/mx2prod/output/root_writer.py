"""Write a product to a ROOT file: classic trees, bounded memory, verified before its renaming."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mx2prod.core.canonical import canonical_json
from mx2prod.core.errors import OutputError
from mx2prod.core.files import atomic_path
from mx2prod.output.content import ContentHash
from mx2prod.output.root_reader import examine_product
from mx2prod.output.schema import COUNTER, Product, Rows, Tree, joined, problems_of

COMPRESSION = "ZSTD-1"
"""Codec and level of every product (output page, section 11)."""

FLUSH_BYTES = 64_000_000
"""Rows are gathered up to this size and written as one basket a branch: it bounds the memory."""

META = "Meta"
_GROUP = "rows"


class ProductWriter:
    """Appends rows to the trees of a product.

    Attributes
    ----------
    meta : dict
        What is to be said about the file; written as canonical JSON when the file is finished,
        together with the keys of :meth:`structure`.
    content : ContentHash
    seconds : dict of str to float
        Time spent in ``write`` and, after the end, in ``verify``.

    Raises
    ------
    OutputError
        If rows do not follow the schema.
    """

    def __init__(self, path: Path, product: type[Product]) -> None:
        import uproot

        self.product = product
        self.meta: dict[str, Any] = {}
        self.content = ContentHash(product)
        self.seconds = {"write": 0.0, "verify": 0.0}
        self._file = uproot.recreate(path, compression=uproot.ZSTD(1))
        self._trees = {tree.path: self._make_tree(tree) for tree in product.trees}
        self._pending: dict[str, list[Rows]] = {tree.path: [] for tree in product.trees}
        self._pending_bytes = 0

    def extend(self, rows: Mapping[str, Rows]) -> None:
        """Append the rows of the same gates to all trees.

        Parameters
        ----------
        rows : mapping of str to Rows
            By tree path; all trees of the product, with the same number of gates.
        """
        with self._timed("write"):
            self._check(rows)
            for path, part in rows.items():
                if part.entries:
                    self.content.update(path, part)
                    self._pending[path].append(part)
                    self._pending_bytes += part.nbytes
            if self._pending_bytes >= FLUSH_BYTES:
                self._flush()

    def structure(self) -> dict[str, Any]:
        """Return schema, lengths and content hash of what is written, as they stand in ``Meta``."""
        return {
            "schema": self.product.schema,
            "schema_sha256": self.product.fingerprint(),
            "tier": self.product.tier,
            "compression": COMPRESSION,
            "content_sha256": self.content.hexdigest(),
            "trees": {
                tree.path: {
                    "entries": self.content.entries[tree.path],
                    "rows": self.content.rows[tree.path],
                }
                for tree in self.product.trees
            },
        }

    def finish(self) -> None:
        """Write ``Meta`` and close the file."""
        with self._timed("write"):
            self._flush()
            self._file[META] = canonical_json({**self.meta, **self.structure()})
            self._file.close()

    def abandon(self) -> None:
        """Close an unfinished file, which will be removed."""
        # the error that ended the writing is on its way; a full disk would refuse the close too
        with contextlib.suppress(OSError, ValueError):
            self._file.close()

    def verify(self, path: Path, final: Path) -> None:
        """Read the file back and compare it with what was given (output page, section 12).

        Raises
        ------
        OutputError
            If they differ; it names the final path.
        """
        with self._timed("verify"):
            _, problems = examine_product(path, self.product, self.content.hexdigest())
        if problems:
            raise OutputError(
                f"{final}: what is read back is not what was written: {'; '.join(problems)}",
                next_step="mx2 doctor",
            )

    @contextlib.contextmanager
    def _timed(self, step: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[step] += time.perf_counter() - start

    def _flush(self) -> None:
        """Write the rows gathered so far: one basket a branch."""
        for tree in self.product.trees:
            if parts := self._pending[tree.path]:
                self._trees[tree.path].extend(_as_branches(tree, joined(parts)))
                self._pending[tree.path] = []
        self._pending_bytes = 0

    def _make_tree(self, tree: Tree) -> Any:
        types = {column.name: column.dtype for column in tree.columns}
        if not tree.jagged:
            return self._file.mktree(tree.path, types, title=f"/{tree.path}")
        fields = ", ".join(f'"{name}": {dtype.name}' for name, dtype in types.items())
        return self._file.mktree(
            tree.path,
            {_GROUP: f"var * {{{fields}}}"},
            title=f"/{tree.path}",
            counter_name=lambda _: COUNTER,
            field_name=lambda _, field: field,
        )

    def _check(self, rows: Mapping[str, Rows]) -> None:
        paths = [tree.path for tree in self.product.trees]
        if sorted(rows) != sorted(paths):
            raise OutputError(f"{self.product.schema}: trees {sorted(rows)}, expected {paths}")
        problems = [p for tree in self.product.trees for p in problems_of(tree, rows[tree.path])]
        if len({part.entries for part in rows.values()}) > 1:
            problems.append(f"gates by tree: { ({path: r.entries for path, r in rows.items()}) }")
        if problems:
            raise OutputError(
                f"data do not follow the schema {self.product.schema}: {'; '.join(problems)}",
                next_step="report it: this is a fault of the program, not of the file",
            )


@contextlib.contextmanager
def product_file(final: Path, product: type[Product]) -> Iterator[ProductWriter]:
    """Write a product under a temporary name; verify it and give it its final name at the end.

    Raises
    ------
    OutputError
        If the final name exists, the system refuses to write, the rows break the schema, or the
        file read back is not what was given.  Nothing is left under the final name.
    """
    with atomic_path(final) as temporary:
        writer = ProductWriter(temporary, product)
        try:
            yield writer
            writer.finish()
        except BaseException:
            writer.abandon()
            raise
        writer.verify(temporary, final)


def _as_branches(tree: Tree, rows: Rows) -> dict[str, Any]:
    if rows.counts is None:
        return {name: np.ascontiguousarray(values) for name, values in rows.columns.items()}
    import awkward as ak

    offsets = np.zeros(len(rows.counts) + 1, dtype=np.int64)
    np.cumsum(rows.counts, out=offsets[1:])
    contents = [ak.contents.NumpyArray(np.ascontiguousarray(v)) for v in rows.columns.values()]
    record = ak.contents.RecordArray(contents, list(rows.columns), length=int(offsets[-1]))
    return {_GROUP: ak.Array(ak.contents.ListOffsetArray(ak.index.Index64(offsets), record))}
