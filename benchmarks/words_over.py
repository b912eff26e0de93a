"""How often `auto` finds a photo of which a copy has words on it, by kind, size and preset.

    python benchmarks/words_over.py DATA/photos [--first 200] [--count 40]

writes benchmarks/results/words-over.json. Each copy is saved with quality 85, at the size of the
photo and at 75 % of it, and compared with the photo by `imgsim find-dupes` among all the others of
its kind. No limit was set on these.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import record
from PIL import Image, ImageDraw

from imgsim import RunOptions, find_duplicates
from imgsim.comparators.base import PRESETS
from imgsim.pictures.lettering import font
from imgsim.read.discover import discover
from imgsim.verify.judge import VERSION

Picture = Image.Image


def bar(photo: Picture) -> Picture:
    """Words on a white bar below the photo."""
    height = round(0.09 * photo.height)
    made = Image.new("RGB", (photo.width, photo.height + height), "white")
    made.paste(photo)
    place = 10, photo.height + height / 2
    ImageDraw.Draw(made).text(
        place, "Summer at the lake, 2019", "black", font(round(0.5 * height)), "lm"
    )
    return made


def across(photo: Picture) -> Picture:
    """White words with a black rim across the lower edge."""
    made = photo.copy()
    ImageDraw.Draw(made).text(
        (photo.width / 2, 0.94 * photo.height), "WHEN THE TESTS ARE RED", "white",
        font(photo.width // 18), "mm", stroke_width=2, stroke_fill="black",
    )  # fmt: skip
    return made


def date(photo: Picture) -> Picture:
    """An orange date in the corner, as cameras burn it in, a tenth of the width."""
    made = photo.copy()
    place = 0.97 * photo.width, 0.96 * photo.height
    ImageDraw.Draw(made).text(
        place, "14 7 '98", (230, 140, 40), font(max(8, round(0.028 * photo.width))), "rs"
    )
    return made


def watermark(photo: Picture) -> Picture:
    """White words in the corner, through which the photo is seen."""
    layer = Image.new("RGBA", photo.size)
    place = 0.97 * photo.width, 0.96 * photo.height
    ImageDraw.Draw(layer).text(
        place, "© studio north", (255, 255, 255, 150), font(round(0.045 * photo.width)), "rs"
    )
    return Image.alpha_composite(photo.convert("RGBA"), layer).convert("RGB")


KINDS: dict[str, Callable[[Picture], Picture]] = {
    "caption in a bar": bar, "words across the edge": across,
    "date in a corner": date, "watermark in a corner": watermark,
}  # fmt: skip


def found(folder: Path, preset: Any) -> tuple[int, int]:
    """Count the copies in the group of their photo, and the pairs of two photos in one."""
    right = wrong = 0
    options = RunOptions(executor="threads", jobs=1, cache=None)
    for group in find_duplicates([folder], "auto", preset=preset, options=options).groups:
        names = [Path(member.picture.file.path).stem for member in group.members]
        right += len(names) - len(set(names))
        wrong += len(set(names)) - 1
    return right, wrong


def measure(photos: list[str], kind: str, scale: float) -> dict[str, Any]:
    """Write the copies of one kind and size; what each preset finds."""
    with tempfile.TemporaryDirectory() as made:
        for name in ("photos", "copies"):
            (Path(made) / name).mkdir()
        for number, path in enumerate(photos):
            with Image.open(path) as opened:
                photo = opened.convert("RGB")
            photo.save(f"{made}/photos/{number}.jpg", quality=93)
            copy = KINDS[kind](photo)
            size = round(scale * copy.width), round(scale * copy.height)
            copy.resize(size, Image.Resampling.LANCZOS).save(
                f"{made}/copies/{number}.jpg", quality=85
            )
        row: dict[str, Any] = {"kind": kind, "scale": scale}
        for preset in PRESETS:
            row[preset], row[f"{preset}_wrong"] = found(Path(made), preset)
        return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("--first", type=int, default=200)
    parser.add_argument("--count", type=int, default=40)
    given = parser.parse_args()
    files = [file.path for file in discover([str(given.photos)]).files]
    some = files[given.first : given.first + given.count]
    command = f"python benchmarks/words_over.py PHOTOS --first {given.first} --count {given.count}"
    rows = []
    for kind in KINDS:
        for scale in (1.0, 0.75):
            rows.append(measure(some, kind, scale))
            print(rows[-1], flush=True)
    document = record.machine(command, "pillow") | {"judge": VERSION, "photos": len(some)}
    print(record.write("words-over", document | {"rows": rows}))


if __name__ == "__main__":
    main()
