"""The bytes of a raw file as a memory map that notices when the file shrinks."""

from __future__ import annotations

import mmap
import os
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mx2prod.core.errors import InputFileError
from mx2prod.core.files import require_regular_file

_PAGE = mmap.ALLOCATIONGRANULARITY


class RawSource:
    """A read-only memory map of a raw file.

    Attributes
    ----------
    path : Path
    size : int
        Bytes of the file when it was opened.
    buffer : ndarray of uint8, shape (size,)
        The map; pages are read on demand and given back with :meth:`release`.

    Raises
    ------
    InputFileError
        If the path is not a readable regular file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        require_regular_file(path)
        try:
            self._handle = path.open("rb")
        except OSError as error:
            raise InputFileError(f"{path}: cannot be opened: {error.strerror or error}") from error
        self.size = os.fstat(self._handle.fileno()).st_size
        self._map: mmap.mmap | None = None
        self.buffer: npt.NDArray[np.uint8] = np.empty(0, np.uint8)
        if self.size:
            self._map = mmap.mmap(self._handle.fileno(), self.size, access=mmap.ACCESS_READ)
            self.buffer = np.frombuffer(self._map, np.uint8)

    def require_unchanged(self) -> None:
        """Check that the file still has the bytes of the map.

        Reading a page behind the end of a shrunken file would end the process.

        Raises
        ------
        InputFileError
            If the file became shorter since it was opened.
        """
        size = os.fstat(self._handle.fileno()).st_size
        if size < self.size:
            raise InputFileError(
                f"{self.path}: became shorter while it was read: "
                f"{self.size} bytes when opened, {size} now",
                next_step=f"ls -l {self.path}",
            )

    def release(self, start: int, stop: int) -> None:
        """Give the pages of a byte range back, so that memory does not grow with the file."""
        first = start // _PAGE * _PAGE
        last = stop // _PAGE * _PAGE
        if self._map is not None and last > first:
            self._map.madvise(mmap.MADV_DONTNEED, first, last - first)

    def close(self) -> None:
        """Close file and map; arrays made from the map keep it alive until they are gone."""
        self.buffer = np.empty(0, np.uint8)
        self._map = None
        self._handle.close()
