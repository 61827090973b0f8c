"""ICC profiles as the files of scanners and cameras hold them, made by hand (ICC.1:2001-04)."""

import struct

import numpy as np

__all__ = ["PRIMARIES", "gray_profile", "ink_profile", "rgb_profile"]

_D50 = (0.9642, 1.0, 0.8249)

#: Red, green and blue as columns of XYZ, adapted to D50. "srgb" is as Little CMS 2.18 makes it,
#: "srgb of 1998" as in the profile called "sRGB IEC61966-2.1".
PRIMARIES = {
    "adobe": np.array(
        [[0.60974, 0.20528, 0.14919], [0.31111, 0.62567, 0.06322], [0.01947, 0.06087, 0.74457]]
    ),
    "srgb": np.array(
        [[0.43604, 0.38512, 0.14305], [0.22249, 0.71690, 0.06061], [0.01392, 0.09706, 0.71393]]
    ),
    "srgb of 1998": np.array(
        [[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]]
    ),
}


def gray_profile(gamma: float | None) -> bytes:
    """Gray whose light is the value's power, or what sRGB makes of the value."""
    curve = _srgb_curve() if gamma is None else _gamma(gamma)
    return _profile(b"GRAY", {b"wtpt": _xyz(_D50), b"kTRC": curve})


def rgb_profile(name: str) -> bytes:
    """``"adobe"``: Adobe RGB (1998); ``"srgb"``; ``"srgb of 1998"``: as most files have it."""
    curve = _gamma(563 / 256) if name == "adobe" else _srgb_curve()
    tags = {b"wtpt": _xyz(_D50)}
    for channel, column in zip((b"r", b"g", b"b"), PRIMARIES[name].T):
        tags |= {channel + b"XYZ": _xyz(column), channel + b"TRC": curve}
    return _profile(b"RGB ", tags)


def ink_profile() -> bytes:
    """CMYK by a table of Lab at the 16 corners, as lut8Type has it."""
    c, m, y, k = np.meshgrid(*[[0.0, 1.0]] * 4, indexing="ij")
    lightness = 255 * (1 - (c + m + y) / 3) * (1 - k)
    corners = [lightness, 128 + 40 * (m - c) * (1 - k), 128 + 40 * (y - m) * (1 - k)]
    table = np.rint(np.stack(corners, axis=-1)).astype(np.uint8).tobytes()
    identity = struct.pack(">9i", *(round(v * 65536) for v in np.eye(3).ravel()))
    curve = bytes(range(256))
    lut = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + identity + 4 * curve + table + 3 * curve
    return _profile(b"CMYK", {b"wtpt": _xyz(_D50), b"A2B0": lut}, b"prtr", b"Lab ")


def _profile(
    space: bytes, tags: dict[bytes, bytes], device: bytes = b"mntr", connection: bytes = b"XYZ "
) -> bytes:
    tags = {b"desc": _description(b"made for tests"), b"cprt": b"text\0\0\0\0none\0", **tags}
    table, body = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for name, content in tags.items():
        table += struct.pack(">4sII", name, start + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    header = struct.pack(">I4xI4s4s4s", start + len(body), 0x02100000, device, space, connection)
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
