"""ICC profiles as the files of scanners and cameras hold them, made by hand (ICC.1:2001-04)."""

import struct

import numpy as np

__all__ = ["gray_profile", "rgb_profile"]

_D50 = (0.9642, 1.0, 0.8249)

# Primaries as columns of XYZ, adapted to D50, and the exponent of the curve.
_ADOBE = np.array(
    [[0.60974, 0.20528, 0.14919], [0.31111, 0.62567, 0.06322], [0.01947, 0.06087, 0.74457]]
)
# Those of "sRGB IEC61966-2.1" of 1998, which differ a little from what Little CMS makes.
_SRGB_1998 = np.array(
    [[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]]
)
# Little CMS 2.18's, of its own sRGB profile.
_SRGB = np.array(
    [[0.43604, 0.38512, 0.14305], [0.22249, 0.71690, 0.06061], [0.01392, 0.09706, 0.71393]]
)


def gray_profile(gamma: float) -> bytes:
    """Gray whose light is the value's power."""
    return _profile(b"GRAY", {b"wtpt": _xyz(_D50), b"kTRC": _gamma(gamma)})


def rgb_profile(name: str) -> bytes:
    """``"adobe"``: Adobe RGB (1998); ``"srgb"``; ``"srgb of 1998"``: as most files have it."""
    primaries = {"adobe": _ADOBE, "srgb": _SRGB, "srgb of 1998": _SRGB_1998}[name]
    curve = _gamma(563 / 256) if name == "adobe" else _srgb_curve()
    tags = {b"wtpt": _xyz(_D50)}
    for channel, column in zip((b"r", b"g", b"b"), primaries.T):
        tags |= {channel + b"XYZ": _xyz(column), channel + b"TRC": curve}
    return _profile(b"RGB ", tags)


def _profile(space: bytes, tags: dict[bytes, bytes]) -> bytes:
    tags = {b"desc": _description(b"made for tests"), b"cprt": b"text\0\0\0\0none\0", **tags}
    table, body = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for name, content in tags.items():
        table += struct.pack(">4sII", name, start + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    header = struct.pack(">I4xI4s4s4s", start + len(body), 0x02100000, b"mntr", space, b"XYZ ")
    header = header.ljust(36, b"\0") + b"acsp"
    header = header.ljust(68, b"\0") + struct.pack(">3i", *(round(v * 65536) for v in _D50))
    return header.ljust(128, b"\0") + table + body


def _xyz(values: tuple[float, ...] | np.ndarray) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(v * 65536) for v in values))


def _gamma(exponent: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(exponent * 256))


def _srgb_curve() -> bytes:
    """1024 points, as the profile of 1998 has them."""
    values = np.linspace(0.0, 1.0, 1024)
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    points = np.rint(linear * 65535).astype(">u2")
    return b"curv\0\0\0\0" + struct.pack(">I", len(points)) + points.tobytes()


def _description(text: bytes) -> bytes:
    return b"desc\0\0\0\0" + struct.pack(">I", len(text) + 1) + text + bytes(79)
