"""How often `auto` takes frames of a still camera for one, and which copies under words it finds.

    python benchmarks/still_camera.py --photos PHOTOS

writes benchmarks/results/still-camera.json. Each photo is a place that a camera on a tripod looks
at: two frames of it are empty, in four a thing stands somewhere, cut out of other photos, half of
them near the lower edge, where a caption might stand. Each frame has grain and light of its own.
All pairs are verified at the preset normal. Beside them are copies of the photo under words, a
stamp or a logo, which differ in a part as well and are to be found. The limits of `verify` were
chosen on photos 60 to 89 and 100 to 239 in order of their names; the default is others.
"""

from __future__ import annotations

import argparse
import io
import itertools
import json
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import record
from PIL import Image, ImageDraw, ImageFilter
from texts import RECIPE, Verifier

from imgsim.pictures.captions import STYLES, write_caption
from imgsim.pictures.fonts import faces, load_face

Picture = Image.Image
GRAIN = 1.5, 2.0, 3.0
"""Standard deviations in levels."""
_EMPTY, _FRAMES = 2, 6
_LONGER = 640


def with_thing(place: Picture, other: Picture, rng: np.random.Generator, *, low: bool) -> Picture:
    """Put a part of another photo somewhere, near the lower edge or anywhere."""
    wide = int(rng.uniform(0.05, 0.14) * place.width)
    high = min(int(wide * rng.uniform(0.6, 1.6)), other.height - 1)
    left = int(rng.uniform(0, place.width - wide))
    bottom = rng.uniform(0.72, 1) if low else rng.uniform(high / place.height, 1)
    top = max(0, int(bottom * place.height) - high)
    x, y = (int(rng.uniform(0, n)) for n in (other.width - wide, other.height - high))
    mask = Image.new("L", (wide, high))
    ImageDraw.Draw(mask).ellipse((1, 1, wide - 2, high - 2), fill=255)
    made = place.copy()
    made.paste(
        other.crop((x, y, x + wide, y + high)),
        (left, top),
        mask.filter(ImageFilter.GaussianBlur(0.8)),
    )
    return made


def frame(shown: Picture, grain: float, rng: np.random.Generator) -> bytes:
    """Take one frame, in light and with grain of its own, as a JPEG of quality 90."""
    noise = rng.normal(0, grain, (shown.height, shown.width, 3))
    levels = np.asarray(shown, float) * rng.uniform(0.95, 1.05) + noise
    return _stored(Image.fromarray(levels.clip(0, 255).astype(np.uint8)), 90)


def laid_over(photo: Picture, rng: np.random.Generator) -> dict[str, Picture]:
    """Words in some style, the date of a camera and a logo in a corner, over a photo each."""
    styles = [name for name in STYLES if name != "in a bar"]  # that one stands beside the photo
    stamp, logo = photo.copy(), photo.copy()
    size = max(10, round(0.055 * photo.height))
    ImageDraw.Draw(stamp).text(
        (0.6 * photo.width, 0.9 * photo.height),
        "2019-03-12 14:07",
        (255, 140, 0),
        load_face(faces()[0], size),
    )
    side = int(rng.uniform(0.08, 0.2) * photo.width)
    x, y = (int(rng.choice([8, n - side - 8])) for n in photo.size)
    inks = [tuple(rng.integers(0, 256, 3).tolist()) for _ in range(2)]
    draw = ImageDraw.Draw(logo)
    draw.ellipse((x, y, x + side, y + side), fill=inks[0])
    draw.rectangle((x + side // 3, y + side // 3, x + 2 * side // 3, y + 2 * side // 3), inks[1])
    words = write_caption(photo, str(rng.choice(styles)), rng)
    return {"words": words, "stamp": stamp, "logo": logo}


def _stored(image: Picture, quality: int) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=quality)
    return stream.getvalue()


def _read(path: Path) -> Picture:
    image = Image.open(path).convert("RGB")
    image.thumbnail((_LONGER, _LONGER))
    return image


def measure(photos: list[Path], first: int, count: int, seed: int) -> dict[str, Any]:
    """Count the pairs, and those accepted at normal."""
    pairs: Counter[str] = Counter()
    joined: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        verify = Verifier(Path(folder))

        def count_pair(kind: str, one: bytes, other: bytes) -> None:
            pairs[kind] += 1
            joined[kind] += RECIPE.accepts(verify(one, other), 1.0, "normal")

        for number in range(first, first + count):
            rng = np.random.default_rng([seed, number])
            place = _read(photos[number])
            for grain in GRAIN:
                frames = []
                for i in range(_FRAMES):
                    other = _read(photos[(number + 17 * (i + 1)) % len(photos)])
                    thing = with_thing(place, other, rng, low=i % 2 == 0)
                    frames.append(frame(place if i < _EMPTY else thing, grain, rng))
                for one, two in itertools.combinations(range(_FRAMES), 2):
                    things = (one >= _EMPTY) + (two >= _EMPTY)
                    kind = ("nothing in either", "a thing in one", "a thing in each")[things]
                    count_pair(f"grain {grain}: {kind}", frames[one], frames[two])
            original = _stored(place, 90)
            for name, copy in laid_over(place, rng).items():
                quality = int(rng.integers(60, 96))
                count_pair(f"copies under: {name}", original, _stored(copy, quality))
    return {kind: {"pairs": pairs[kind], "joined": joined[kind]} for kind in pairs}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--dry", action="store_true", help="print the result, write no file")
    given = parser.parse_args()
    photos = sorted(path for path in given.photos.iterdir() if path.is_file())
    result = measure(photos, given.first, given.count, given.seed)
    print(json.dumps(result, indent=1))
    if not given.dry:
        document = record.machine(
            "python benchmarks/still_camera.py --photos PHOTOS", "numpy", "pillow"
        )
        known = {"first": given.first, "photos": given.count, "seed": given.seed}
        record.write("still-camera", document | known | {"kinds": result})


if __name__ == "__main__":
    main()
