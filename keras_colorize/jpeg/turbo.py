"""The luminance of a color JPEG coded by itself, by libjpeg-turbo's own library.

Its lossless transform takes less than half the time of jpeglib, whose libjpeg is built without
vector instructions. The package ``turbojpeg`` brings the library along for the systems that it has
wheels for; its own Python functions show no coefficients, so the library within is called directly.
A system's library is taken instead where it has the same interface, that of version 3: it is then
no older. Names and numbers are those of turbojpeg.h.
"""

import contextlib
import ctypes
import ctypes.util
import functools
import importlib.util
from collections.abc import Callable, Iterator

import numpy as np

__all__ = ["See", "find_range", "recode_luminance"]

#: What is shown coefficients, see :func:`recode_luminance`.
See = Callable[[int, int, np.ndarray], tuple[int, int]]

_TRANSFORM = 2  # TJINIT_TRANSFORM
_STOP_ON_WARNING = 0  # TJPARAM_STOPONWARNING
_GRAY, _NO_OUTPUT, _COPY_NONE = 8, 16, 64  # TJXOPT_GRAY, TJXOPT_NOOUTPUT and TJXOPT_COPYNONE


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


def find_range(component: int, row: int, blocks: np.ndarray) -> tuple[int, int]:  # noqa: ARG001
    """Smallest and largest coefficient of luminance; of chroma, which is not coded, 0."""
    return (0, 0) if component else (blocks.min(), blocks.max())


def recode_luminance(jpeg: bytes, see: See = find_range) -> bytes | None:
    """The gray JPEG of a color JPEG's luminance, coefficient by coefficient.

    Args:
        jpeg: YCbCr, of 8 bits.
        see: is shown the quantized coefficients of all components while they are there: the number
            of the component, that of the row of blocks, and int16 ``(n, 8, 8)``; it gives the
            smallest and the largest. Rows and blocks beyond the picture, which fill its last units,
            are among them.

    Returns:
        A baseline JPEG of one scan; ``None`` where the library is missing or has anything to say
        against the file, be it a warning, and where a coefficient is out of range.
    """
    library = _library()
    if library is None:
        return None

    errors: list[BaseException] = []

    def show(address: int, row: _Region, _plane: _Region, component: int, *_: object) -> int:
        try:
            values = (ctypes.c_int16 * (8 * row.w)).from_address(address)
            blocks = np.frombuffer(values, np.int16)
            least, most = see(component, row.y // 8, blocks.reshape(-1, 8, 8))
        except BaseException as error:  # noqa: BLE001 - raised below: ctypes would only print it
            errors.append(error)
            return -1
        # Stop at what 8-bit samples cannot come to (T.81, section A.3.3) and is coded wrongly.
        return 0 if least >= -1024 and most <= 1023 else -1

    # The first writes nothing: all components pass through its filter.
    looking = _Transform(options=_NO_OUTPUT | _COPY_NONE, filter=_Filter(show))
    coding = _Transform(options=_GRAY | _COPY_NONE)
    transforms = (_Transform * 2)(looking, coding)
    buffers, sizes = (ctypes.c_void_p * 2)(), (ctypes.c_size_t * 2)()
    with _handle(library) as handle:
        try:
            status = library.tj3Transform(handle, jpeg, len(jpeg), 2, buffers, sizes, transforms)
            if errors:
                raise errors[0]
            coded = buffers[1]
            return ctypes.string_at(coded, sizes[1]) if status == 0 and coded else None
        finally:
            for buffer in buffers:
                library.tj3Free(buffer)


@contextlib.contextmanager
def _handle(library: ctypes.CDLL) -> Iterator[int]:
    handle = library.tj3Init(_TRANSFORM)
    if not handle:
        raise MemoryError
    try:
        library.tj3Set(handle, _STOP_ON_WARNING, 1)
        yield handle
    finally:
        library.tj3Destroy(handle)


@functools.cache
def _library() -> ctypes.CDLL | None:
    """The system's library if it is of version 3 or later, else the package's."""
    for find in (_find_in_system, _find_in_package):
        path = find()
        if path is None:
            continue
        try:
            return _declare(ctypes.CDLL(path))
        except (OSError, AttributeError):  # of another architecture; of an earlier version
            continue
    return None


def _find_in_system() -> str | None:
    return ctypes.util.find_library("turbojpeg")


def _find_in_package() -> str | None:
    """The package's module, through which the names of the library that it is linked to are found.

    That library lies under another name on each system.
    """
    found = importlib.util.find_spec("turbojpeg")
    return None if found is None else found.origin


def _declare(library: ctypes.CDLL) -> ctypes.CDLL:
    """State what the functions take and give.

    Raises:
        AttributeError: the library lacks one.
    """
    pointer, integer, size = ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t
    signatures: dict[str, tuple[type | None, list[type]]] = {
        "tj3Init": (pointer, [integer]),
        "tj3Set": (integer, [pointer, integer, integer]),
        "tj3Transform": (
            integer,
            [pointer, ctypes.c_char_p, size, integer, pointer, pointer, pointer],
        ),
        "tj3Destroy": (None, [pointer]),
        "tj3Free": (None, [pointer]),
    }
    for function, (result, arguments) in signatures.items():
        entry: Callable[..., object] = getattr(library, function)
        entry.restype, entry.argtypes = result, arguments  # type: ignore[attr-defined]
    return library
