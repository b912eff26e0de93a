"""Seeded damage to bytes: what a disk, a transfer, a careless program or an attacker may do."""

from __future__ import annotations

import random
import re
import struct
from collections.abc import Callable

EXTREMES = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
"""Values of lengths, offsets and dimensions at which arithmetic goes wrong."""

_HEADER = 600
"""Bytes at the beginning in which dimensions, counts and offsets of most formats stand."""


def _flips(data: bytearray, chance: random.Random) -> None:
    for _ in range(chance.randint(1, 8)):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def _bytes_set(data: bytearray, chance: random.Random) -> None:
    for _ in range(chance.randint(1, 8)):
        data[chance.randrange(len(data))] = chance.choice((0, 1, 0x7F, 0x80, 0xFE, 0xFF))


def _cut(data: bytearray, chance: random.Random) -> None:
    ended = data[:2] == b"\xff\xd8" and chance.random() < 0.3
    del data[int(len(data) * chance.uniform(0.02, 0.999)) :]
    if ended:
        data += b"\xff\xd9"


def _inserted(data: bytearray, chance: random.Random) -> None:
    place = chance.randrange(len(data))
    data[place:place] = chance.randbytes(chance.randint(1, 65))


def _block(data: bytearray, chance: random.Random) -> slice:
    start = chance.randrange(len(data))
    return slice(start, start + chance.choice((1, 4, 16, 64, 512, 4096)))


def _deleted(data: bytearray, chance: random.Random) -> None:
    del data[_block(data, chance)]


def _repeated(data: bytearray, chance: random.Random) -> None:
    block = _block(data, chance)
    data[block.start : block.start] = data[block] * chance.choice((1, 2, 30))


def _swapped(data: bytearray, chance: random.Random) -> None:
    one, length = chance.randrange(len(data)), chance.choice((2, 8, 64, 512))
    other = chance.randrange(len(data))
    first, second = bytes(data[one : one + length]), bytes(data[other : other + length])
    data[one : one + len(second)] = second
    data[other : other + len(first)] = first


def _zeroed(data: bytearray, chance: random.Random) -> None:
    block = _block(data, chance)
    data[block] = bytes(len(data[block]))


def _number_set(data: bytearray, chance: random.Random) -> None:
    """Set a number in the header, of any width and byte order, to an extreme."""
    for _ in range(chance.randint(1, 3)):
        width = chance.choice((1, 2, 4))
        order = ">" if chance.random() < 0.5 else "<"
        value = chance.choice(EXTREMES) & ((1 << 8 * width) - 1)
        packed = struct.pack(order + {1: "B", 2: "H", 4: "I"}[width], value)
        place = chance.randrange(min(_HEADER, len(data)))
        data[place : place + width] = packed


def _appended(data: bytearray, chance: random.Random) -> None:
    kind = chance.randrange(3)
    if kind == 0:
        data += chance.randbytes(chance.choice((1, 100, 20_000)))
    elif kind == 1:
        data += bytes(chance.choice((1, 4096)))
    else:  # a picture behind the picture
        data += bytes(data)


_MARKERS = re.compile(
    rb"\xff[\xc0-\xfe]|IHDR|IDAT|PLTE|tRNS|fcTL|fdAT|acTL|iCCP|ftyp|meta|mdat|iloc|iprp|ispe|hdlr"
    rb"|VP8[ LX]|ANMF|ALPH|\x21[\xf9\xff]|PK\x01\x02|PK\x03\x04|PK\x05\x06|jp2h|jp2c|PAR1|ARROW1"
    rb'|"[a-z_]+"|[,;:\n{}\[\]=-]'
)
"""Where chunks, segments, boxes and entries begin, in pictures and in texts."""


def _markers_swapped(data: bytearray, chance: random.Random) -> None:
    found = [m.span() for m in _MARKERS.finditer(data)]
    if len(found) < 2:
        return _swapped(data, chance)
    if chance.random() < 0.4:  # one for another
        (a, b), (c, d) = chance.sample(found, 2)
        data[a:b] = data[c:d]
        return None
    cuts = sorted(chance.sample([start for start, _ in found], min(3, len(found))))
    a, b, c = (*cuts, len(data))[:3]
    data[a:c] = data[b:c] + data[a:b]
    return None


MUTATIONS: dict[str, Callable[[bytearray, random.Random], None]] = {
    "bits flipped": _flips,
    "bytes set": _bytes_set,
    "cut": _cut,
    "inserted": _inserted,
    "deleted": _deleted,
    "repeated": _repeated,
    "swapped": _swapped,
    "zeroed": _zeroed,
    "number set": _number_set,
    "appended": _appended,
    "markers swapped": _markers_swapped,
}


def mutant(data: bytes, seed: str) -> tuple[str, bytes]:
    """Damage bytes in one way, sometimes in two; the same seed does the same.

    Returns
    -------
    way : str
        Of `MUTATIONS`.
    mutant : bytes
        Not the given bytes.
    """
    chance = random.Random(seed)
    way, changed = "", bytearray(data)
    while bytes(changed) == data:
        changed = bytearray(data)
        way = chance.choice(tuple(MUTATIONS))
        MUTATIONS[way](changed, chance)
        if chance.random() < 0.2 and changed:
            more = chance.choice(tuple(MUTATIONS))
            MUTATIONS[more](changed, chance)
            way += f", {more}"
    return way, bytes(changed)


_WORDS = (
    "null", "true", "-1", "0", "1e999", "NaN", "Infinity", "9" * 400, '""', '"\\ud800"', "[]", "{}",
    '"\\u0000"', "\x00", "\ufeff", "\u202e", "../../etc/passwd", "/dev/zero", "file:///etc/passwd",
    "[" * 20_000, '{"a":' * 20_000, '"', "'", "\\", "-", "=", "sha256:", "x" * 100_000, "\r", "\n",
    "1" * 5000, "{[", "&a *a", "!!python/object:os.system", "1.5", "0x10", "- - - -", "\t",
)  # fmt: skip


def text_mutant(data: bytes, seed: str) -> tuple[str, bytes]:
    """Damage a text: in half of the cases as bytes, else a word of it becomes another one."""
    chance = random.Random(f"text {seed}")
    if chance.random() < 0.4:
        return mutant(data, seed)
    tokens = [m.span() for m in re.finditer(rb'"[^"\n]*"|[-\w./:]+|[^\s\w]', data)]
    changed = data
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        start, end = chance.choice(tokens) if tokens else (0, len(data))
        end = start if chance.random() < 0.2 else end
        word = chance.choice(_WORDS).encode("utf-8", "surrogatepass")
        changed = changed[:start] + word + changed[end:]
    return "word", changed if changed != data else data + b"\0"
