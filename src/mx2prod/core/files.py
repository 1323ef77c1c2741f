"""Files: atomic writing, checked opening, checksums over bytes."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from zlib_ng import zlib_ng

from mx2prod.core.errors import InputFileError, OutputError

_CHUNK = 1 << 24
_NO_HARD_LINKS = {errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK}


def require_regular_file(path: Path) -> os.stat_result:
    """Check that a path is a readable regular file; return its status.

    Never opens a fifo or a device, which could block.

    Raises
    ------
    InputFileError
        If the path is missing, a directory, a fifo or device, or not readable.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise InputFileError(
            f"{path}: {error.strerror or error}", next_step=f"ls -l {path.parent}"
        ) from error
    if not stat.S_ISREG(status.st_mode):
        kind = "a directory" if stat.S_ISDIR(status.st_mode) else "not a regular file"
        raise InputFileError(f"{path}: {kind}, expected a regular file", next_step=f"ls -l {path}")
    if not os.access(path, os.R_OK):
        raise InputFileError(f"{path}: permission denied", next_step=f"ls -l {path}")
    return status


@contextlib.contextmanager
def atomic_path(
    final: Path,
    *,
    overwrite: bool = False,
    verify: Callable[[Path], None] | None = None,
    mode: int = 0o644,
) -> Iterator[Path]:
    """Give a temporary path in the folder of ``final``; rename it to ``final`` at the end.

    The file is verified (when asked), flushed to disk with fsync and then renamed, so that a
    reader sees the whole file or none.  On any error the temporary file is removed.

    Parameters
    ----------
    final : Path
        The final name.  Its folder is made if needed.
    overwrite : bool
        Replace an existing file; otherwise an existing final name is an error.
    verify : callable, optional
        Called with the temporary path before the rename; raises to refuse the file.
    mode : int
        Rights of the final file; until then only its owner can read it.

    Raises
    ------
    OutputError
        If the final name exists, or the system refuses to write (full disk, no permission).
    """
    refuse_existing(final, overwrite=overwrite)
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(
            prefix=f".{final.name[:180]}.", suffix=f".part{final.suffix}", dir=final.parent
        )
        os.close(handle)
    except OSError as error:
        raise _cannot_write(final, error) from error
    temporary = Path(name)
    try:
        yield temporary
        if verify is not None:
            verify(temporary)
        temporary.chmod(mode)
        _publish(temporary, final, overwrite=overwrite)
    except OSError as error:
        raise _cannot_write(final, error) from error
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def atomic_folder(final: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Give a temporary folder; rename it to ``final`` at the end, remove it on an error.

    Parameters
    ----------
    final : Path
    overwrite : bool
        Replace an existing folder; otherwise an existing name is an error.

    Raises
    ------
    OutputError
        If the name is taken, or the system refuses to write.
    """
    refuse_existing(final, overwrite=overwrite)
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        made = tempfile.mkdtemp(prefix=f".{final.name}.", suffix=".part", dir=final.parent)
        temporary = Path(made)
    except OSError as error:
        raise _cannot_write(final, error) from error
    try:
        yield temporary
        temporary.chmod(0o755)
        if overwrite and final.exists():
            shutil.rmtree(final)
        temporary.rename(final)
    except OSError as error:
        raise _cannot_write(final, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def refuse_existing(final: Path, *, overwrite: bool = False) -> None:
    """Raise :class:`OutputError` if the final name is taken and may not be replaced."""
    if not overwrite and os.path.lexists(final):
        raise OutputError(
            f"{final}: exists already and is never overwritten",
            next_step="choose another folder with -o, or move the old file away",
        )


def write_text(final: Path, text: str, *, overwrite: bool = False, mode: int = 0o644) -> None:
    """Write a text file atomically (see :func:`atomic_path`)."""
    with atomic_path(final, overwrite=overwrite, mode=mode) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _publish(temporary: Path, final: Path, *, overwrite: bool) -> None:
    with temporary.open("rb") as handle:
        os.fsync(handle.fileno())
    if overwrite:
        temporary.replace(final)
    else:
        _rename_without_replacing(temporary, final)
    folder = os.open(final.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _rename_without_replacing(temporary: Path, final: Path) -> None:
    """Rename; a hard link refuses a taken name in one step where the file system has links."""
    try:
        os.link(temporary, final)
    except FileExistsError:
        refuse_existing(final)
        raise
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        refuse_existing(final)
        temporary.rename(final)
    else:
        temporary.unlink()


def _cannot_write(final: Path, error: OSError) -> OutputError:
    return OutputError(
        f"{final}: cannot be written: {error.strerror or error}",
        next_step=f"df -h {final.parent}",
    )


def adler32_of(path: Path) -> str:
    """adler32 of the bytes of a file, eight lower-case hexadecimal digits.

    Raises
    ------
    InputFileError
        If the file cannot be read.
    """
    value = 1
    buffer = bytearray(_CHUNK)
    view = memoryview(buffer)
    try:
        with path.open("rb", buffering=0) as handle:
            while count := handle.readinto(buffer):
                value = zlib_ng.adler32(view[:count], value)
    except OSError as error:
        raise InputFileError(f"{path}: cannot be read: {error.strerror or error}") from error
    return f"{value:08x}"


def sha256_of_file(path: Path) -> str:
    """sha256 of the bytes of a file, 64 lower-case hexadecimal digits.

    Raises
    ------
    OSError
        If the file cannot be read.
    """
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
