"""The luminance of a color JPEG coded by itself, by libjpeg-turbo's own library where there is one.

No package on the index brings libturbojpeg; systems do (Debian's libturbojpeg0, Homebrew's
jpeg-turbo, the installer of the libjpeg-turbo project). Its lossless transform takes less than half
the time of jpeglib, whose libjpeg is built without vector instructions. It is called directly since
PyTurboJPEG works with one half of the versions each: 1.x with those before 3, 2.x with the others.
``tjTransform`` and what it takes are the same in all from 1.2 to 3 (turbojpeg.h).
"""

import contextlib
import ctypes
import ctypes.util
import functools
from collections.abc import Callable, Iterator

import numpy as np

__all__ = ["recode_luminance", "turbojpeg_available"]

# Of turbojpeg.h: TJXOPT_GRAY and TJXOPT_COPYNONE, TJFLAG_STOPONWARNING.
_GRAY, _COPY_NONE = 8, 64
_STOP_ON_WARNING = 8192


class _Region(ctypes.Structure):
    """``tjregion``: in coefficients, of which a block has 8 across and 8 down."""

    _fields_ = tuple((name, ctypes.c_int) for name in ("x", "y", "w", "h"))


_Filter = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_void_p, _Region, _Region, ctypes.c_int, ctypes.c_int, ctypes.c_void_p
)


class _Transform(ctypes.Structure):
    """``tjtransform``; operation 0 leaves every block where it is."""

    _fields_ = (
        ("region", _Region),
        ("operation", ctypes.c_int),
        ("options", ctypes.c_int),
        ("data", ctypes.c_void_p),
        ("filter", _Filter),
    )


def turbojpeg_available() -> bool:
    """Whether the system has libturbojpeg."""
    return _library() is not None


def recode_luminance(jpeg: bytes) -> bytes | None:
    """The gray JPEG of a color JPEG's luminance, coefficient by coefficient.

    Args:
        jpeg: YCbCr, of 8 bits.

    Returns:
        A baseline JPEG of one scan; ``None`` where the library is missing or has anything to say
        against the file, be it a warning, and where a coefficient is out of range.
    """
    library = _library()
    if library is None:
        return None

    def check(address: int, row: _Region, *_: object) -> int:
        """Stop at what 8-bit samples cannot come to (T.81, section A.3.3) and is coded wrongly."""
        blocks = np.frombuffer((ctypes.c_int16 * (8 * row.w)).from_address(address), np.int16)
        return 0 if blocks.min() >= -1024 and blocks.max() <= 1023 else -1

    transform = _Transform(options=_GRAY | _COPY_NONE, filter=_Filter(check))
    buffer, size = ctypes.c_void_p(), ctypes.c_ulong()
    with _handle(library) as handle:
        try:
            status = library.tjTransform(
                handle, jpeg, len(jpeg), 1, ctypes.byref(buffer), ctypes.byref(size),
                ctypes.byref(transform), _STOP_ON_WARNING,
            )  # fmt: skip
            return ctypes.string_at(buffer, size.value) if status == 0 else None
        finally:
            library.tjFree(buffer)


@contextlib.contextmanager
def _handle(library: ctypes.CDLL) -> Iterator[int]:
    handle = library.tjInitTransform()
    if not handle:
        raise MemoryError
    try:
        yield handle
    finally:
        library.tjDestroy(handle)


@functools.cache
def _library() -> ctypes.CDLL | None:
    name = ctypes.util.find_library("turbojpeg")
    if name is None:
        return None
    try:
        library = ctypes.CDLL(name)
    except OSError:  # of another architecture
        return None
    pointer = ctypes.c_void_p
    signatures: dict[str, tuple[type | None, list[type]]] = {
        "tjInitTransform": (pointer, []),
        "tjTransform": (
            ctypes.c_int,
            [pointer, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_int, pointer, pointer, pointer,
             ctypes.c_int],
        ),
        "tjDestroy": (ctypes.c_int, [pointer]),
        "tjFree": (None, [pointer]),
    }  # fmt: skip
    for function, (result, arguments) in signatures.items():
        entry: Callable[..., object] = getattr(library, function)
        entry.restype, entry.argtypes = result, arguments  # type: ignore[attr-defined]
    return library
