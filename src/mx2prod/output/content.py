"""Hash of the content of a product, the same however the rows were cut into pieces."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import numpy.typing as npt

from mx2prod.core.canonical import sha256_of
from mx2prod.output.schema import COUNTER, Product, Rows


class ContentHash:
    """Running hash over the canonical columns of a product.

    Of each column, the little-endian values of all gates are hashed; the hash of the product is
    that of all columns, their types and lengths together.  It does not depend on compression,
    baskets or pieces.

    Attributes
    ----------
    entries : dict of str to int
        Gates so far, by tree path.
    rows : dict of str to int
        Rows so far, by tree path.
    """

    def __init__(self, product: type[Product]) -> None:
        self.entries = {tree.path: 0 for tree in product.trees}
        self.rows = {tree.path: 0 for tree in product.trees}
        self._types = {
            (tree.path, name): kind
            for tree in product.trees
            for name, kind in [
                *([(COUNTER, "i4")] if tree.jagged else []),
                *((column.name, column.type) for column in tree.columns),
            ]
        }
        self._hashes = {key: hashlib.sha256() for key in self._types}

    def update(self, path: str, rows: Rows) -> None:
        """Add rows of a tree."""
        self.entries[path] += rows.entries
        if rows.counts is not None:
            self._add((path, COUNTER), rows.counts)
        for name, values in rows.columns.items():
            self._add((path, name), values)
            length = len(values)
        self.rows[path] += length

    def hexdigest(self) -> str:
        """Hash of everything added so far, 64 hexadecimal digits."""
        return sha256_of(
            [
                [path, name, kind, self.rows[path], self._hashes[path, name].hexdigest()]
                for (path, name), kind in self._types.items()
            ]
        )

    def _add(self, key: tuple[str, str], values: npt.NDArray[Any]) -> None:
        dtype = np.dtype(self._types[key]).newbyteorder("<")
        self._hashes[key].update(np.ascontiguousarray(values, dtype=dtype).view(np.uint8).data)
