"""Damage to files, at random but the same for the same seed: as disks, cables and enemies do it."""

import struct
import zlib
from collections.abc import Callable

import numpy as np

__all__ = ["mutate"]

Random = np.random.Generator

# What breaks readers: nothing, one, the largest and smallest numbers of each width, and near them.
_NUMBERS = (0, 1, 2, 3, 7, 8, 255, 256, 32767, 32768, 65535, 65536, 1 << 20, 1 << 24)
_NUMBERS += ((1 << 28) - 1, (1 << 31) - 1, 1 << 31, (1 << 32) - 2, (1 << 32) - 1)
_NUMBERS += ((1 << 33), (1 << 40), (1 << 63) - 1, 1 << 63, (1 << 64) - 1)


def mutate(data: bytes, other: bytes, random: Random) -> bytes:
    """A damaged copy.

    Args:
        data: a file.
        other: another, of which parts are taken.
        random: what decides.
    """
    for _ in range(1 + int(random.integers(4)) * int(random.integers(2))):
        mutation = _MUTATIONS[random.integers(len(_MUTATIONS))]
        data = mutation(data, other, random) or data
    # A reader that checks sums would look at nothing else.
    if data.startswith(b"\x89PNG") and random.random() < 0.7:
        data = _with_right_sums(data)
    return data


def _place(data: bytes, random: Random) -> int:
    """Anywhere, or, every other time, where headers and directories are: near the ends."""
    if random.random() < 0.5:
        return int(random.integers(len(data)))
    reach = int(random.integers(min(len(data), 400)))
    return reach if random.random() < 0.7 else len(data) - 1 - reach


def _flip_bits(data: bytes, _: bytes, random: Random) -> bytes:
    damaged = bytearray(data)
    for _ in range(int(random.integers(1, 9))):
        damaged[_place(data, random)] ^= 1 << int(random.integers(8))
    return bytes(damaged)


def _set_bytes(data: bytes, _: bytes, random: Random) -> bytes:
    damaged = bytearray(data)
    for _ in range(int(random.integers(1, 9))):
        damaged[_place(data, random)] = int(random.integers(256))
    return bytes(damaged)


def _overwrite_run(data: bytes, _: bytes, random: Random) -> bytes:
    start, length = _place(data, random), int(random.integers(1, 100))
    length = min(length, len(data) - start)
    fill = [bytes(length), b"\xff" * length, random.bytes(length)][random.integers(3)]
    return data[:start] + fill + data[start + length :]


def _truncate(data: bytes, _: bytes, random: Random) -> bytes:
    return data[: 1 + _place(data, random)]


def _delete(data: bytes, _: bytes, random: Random) -> bytes:
    start = _place(data, random)
    return data[:start] + data[start + int(random.integers(1, 40)) :]


def _repeat(data: bytes, _: bytes, random: Random) -> bytes:
    start, length = _place(data, random), int(random.integers(1, 200))
    part = data[start : start + length]
    return data[:start] + part * int(random.integers(1, 5)) + data[start:]


def _splice(data: bytes, other: bytes, random: Random) -> bytes:
    start, length = _place(other, random), int(random.integers(1, 400))
    place = _place(data, random)
    keep = length if random.random() < 0.5 else 0
    return data[:place] + other[start : start + length] + data[place + keep :]


def _set_number(data: bytes, _: bytes, random: Random) -> bytes:
    width = (1, 2, 4, 8)[random.integers(4)]
    number = _NUMBERS[random.integers(len(_NUMBERS))] % (1 << (8 * width))
    order = "little" if random.random() < 0.5 else "big"
    start = _place(data, random)
    return data[:start] + number.to_bytes(width, order) + data[start + width :]


def _change_tag(data: bytes, _: bytes, random: Random) -> bytes | None:
    """Of a TIFF, a field of an entry of a directory, or where the next directory is."""
    if data[:2] not in (b"II", b"MM") or len(data) < 16:
        return None
    order = "<" if data[:2] == b"II" else ">"
    big = data[2:4] in (b"+\0", b"\0+")
    start = struct.unpack_from(f"{order}{'Q' if big else 'I'}", data, 8 if big else 4)[0]
    head, entry, wide = (8, 20, "Q") if big else (2, 12, "I")
    if start + head > len(data):
        return None
    count = struct.unpack_from(f"{order}{'Q' if big else 'H'}", data, start)[0]
    bytes_wide = struct.calcsize(wide)
    if count == 0 or start + head + count * entry + bytes_wide > len(data):
        return None
    damaged = bytearray(data)
    chosen = start + head + int(random.integers(count)) * entry
    number = _NUMBERS[random.integers(len(_NUMBERS))]
    match int(random.integers(6)):
        case 0:  # the next directory: this one again, or anywhere
            target = start if random.random() < 0.5 else int(random.integers(len(data)))
            struct.pack_into(f"{order}{wide}", damaged, start + head + count * entry, target)
        case 1:
            struct.pack_into(f"{order}H", damaged, chosen, number % 65536)
        case 2:
            struct.pack_into(f"{order}H", damaged, chosen + 2, int(random.integers(20)))
        case 3:
            struct.pack_into(f"{order}{wide}", damaged, chosen + 4, number % 256**bytes_wide)
        case 4:
            place = chosen + 4 + bytes_wide
            struct.pack_into(f"{order}{wide}", damaged, place, number % 256**bytes_wide)
        case _:
            place = chosen + 4 + bytes_wide
            struct.pack_into(f"{order}H", damaged, place, int(random.integers(40)))
    return bytes(damaged)


_Mutation = Callable[[bytes, bytes, Random], bytes | None]
_MUTATIONS: tuple[_Mutation, ...] = (
    _flip_bits,
    _set_bytes,
    _overwrite_run,
    _truncate,
    _delete,
    _repeat,
    _splice,
    _set_number,
    _set_number,
    _change_tag,
    _change_tag,
    _change_tag,
)


def _with_right_sums(data: bytes) -> bytes:
    """A PNG whose chunks say the checksums that they have."""
    damaged, place = bytearray(data), 8
    while place + 12 <= len(data):
        length = struct.unpack_from(">I", data, place)[0]
        end = place + 8 + length
        if end + 4 > len(data):
            break
        struct.pack_into(">I", damaged, end, zlib.crc32(data[place + 4 : end]))
        place = end + 4
    return bytes(damaged)
