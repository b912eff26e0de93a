"""Whether `auto` tells a receipt from the same one with another character, once that was degraded.

    python benchmarks/receipt_digits.py DATA/receipts

writes benchmarks/results/receipt-digits.json. Over one character of a receipt another one of the
same receipt is pasted, of the same size and from nearby, so that paper, ink and light are the same;
what is pasted has to differ by a stroke. This file is changed as `imgsim.pictures.changes` does,
and compared with the receipt; so is the receipt itself, changed by the same random numbers. Limits
of `verify` were chosen on the first 20 files; two were narrowed after the others had been seen.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import record
from numpy.typing import NDArray
from PIL import Image
from texts import RECIPE, Verifier

from imgsim.benchmark.intervals import wilson
from imgsim.comparators.base import PRESETS
from imgsim.pictures.changes import CHANGES
from imgsim.read.discover import discover
from imgsim.verify.judge import VERSION

OF_COPIES = (
    "JPEG 30", "JPEG 10", "half size", "WebP", "grey", "brighter", "darker", "contrast", "tint",
    "blur", "noise", "aspect 0.8", "rotation 3°", "perspective", "screenshot",
)  # fmt: skip
"""The changes that may hide a character."""
HEIGHTS = 7, 32
STROKE = 0.5
"""By which share of its contrast what is pasted differs at least, smoothed by a pixel."""
MOST_ALIKE_OF = 3

Pixels = NDArray[np.uint8]
Box = tuple[int, int, int, int]


def characters(grey: Pixels) -> list[Box]:
    """Find what stands alone and has the size of a character: left, top, width and height."""
    ink = cv2.adaptiveThreshold(
        grey, 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY_INV, 31, 18
    )
    count, labels, stats, _ = cv2.connectedComponentsWithStats(ink)
    found = []
    for label in range(1, count):
        x, y, width, height, area = (int(value) for value in stats[label])
        if not (HEIGHTS[0] <= height <= HEIGHTS[1] and 0.35 * height <= width <= height):
            continue
        if not 0.15 * width * height <= area <= 0.8 * width * height:
            continue
        if min(x, y) < 3 or x + width + 3 > grey.shape[1] or y + height + 3 > grey.shape[0]:
            continue
        near = labels[y - 1 : y + height + 1, x - 1 : x + width + 1]
        if np.isin(near, (0, label)).all():
            found.append((x, y, width, height))
    return found


def differing(grey: Pixels, one: Box, other: Box) -> float:
    """By how much two characters differ, smoothed, at the best shift: as a share of contrast."""
    first, second = (
        cv2.resize(
            cv2.GaussianBlur(
                grey[y - 3 : y + h + 3, x - 3 : x + w + 3].astype(np.float32), (0, 0), 0.8
            ),
            None,
            fx=2,
            fy=2,
        )
        for x, y, w, h in (one, (*other[:2], *one[2:]))
    )
    first, second = (
        (patch - np.quantile(patch, 0.9)) / max(1.0, float(np.quantile(patch, 0.9) - patch.min()))
        for patch in (first, second)
    )
    inner = first[4:-4, 4:-4]
    height, width = inner.shape
    return float(
        min(
            np.abs(inner - second[dy : dy + height, dx : dx + width]).max()
            for dy in range(9)
            for dx in range(9)
        )
    )


def with_other_character(image: Image.Image, rng: np.random.Generator) -> Image.Image | None:
    """Paste one character of a receipt over another one; None if there are too few.

    Of some that may be exchanged, those are that are most alike.
    """
    pixels = np.array(image)
    grey = np.asarray(image.convert("L"))
    boxes = characters(grey)
    found: list[tuple[float, Box, Box]] = []
    for _ in range(300 if len(boxes) > 1 else 0):
        one, other = (boxes[int(n)] for n in rng.choice(len(boxes), 2, replace=False))
        if max(abs(other[2] - one[2]), abs(other[3] - one[3])) > 1:
            continue
        if abs(other[1] - one[1]) > 8 * one[3]:
            continue
        apart = differing(grey, one, other)
        if apart >= STROKE:
            found.append((apart, one, other))
        if len(found) == MOST_ALIKE_OF:
            break
    if not found:
        return None
    _, (x, y, width, height), (from_x, from_y, *_) = min(found)
    rows, columns = slice(y - 1, y + height + 1), slice(x - 1, x + width + 1)
    source = pixels[from_y - 1 : from_y + height + 1, from_x - 1 : from_x + width + 1]
    over = pixels[rows, columns]
    # as light as the paper that it is pasted on
    lighter = np.quantile(over, 0.9, axis=(0, 1)) - np.quantile(source, 0.9, axis=(0, 1))
    pixels[rows, columns] = np.clip(source + lighter, 0, 255).astype(np.uint8)
    return Image.fromarray(pixels)


def measure(files: list[Path], each: int) -> Iterator[dict[str, Any]]:
    """Count the pairs and those accepted, by change; yields what was counted after every file."""
    pairs: Counter[str] = Counter()
    joined: Counter[str] = Counter()
    wrong: list[str] = []
    by_name = {change.name: change for change in CHANGES}
    with tempfile.TemporaryDirectory() as folder:
        verify = Verifier(Path(folder))
        for number, path in enumerate(files):
            data = path.read_bytes()
            image = Image.open(path).convert("RGB")
            for name in OF_COPIES:
                for repeat in range(each):
                    seed = number, OF_COPIES.index(name), repeat
                    other = with_other_character(image, np.random.default_rng(seed))
                    if other is None:
                        continue
                    for of, changed in (("other", other), ("copy", image)):
                        rng = np.random.default_rng((*seed, 1))
                        stem = Path(folder) / "changed"
                        file = by_name[name].write(changed, stem, rng)
                        verdict = verify(data, file.read_bytes())
                        for key in (of, f"{of} {name}"):
                            pairs[key] += 1
                            for preset in PRESETS:
                                distance = RECIPE.preset_distance(preset)
                                joined[f"{key} {preset}"] += RECIPE.accepts(
                                    verdict, distance, preset
                                )
                        if of == "other" and verdict.residual <= 1:
                            wrong.append(f"{verdict.residual:.2f} {path.name} {name} {repeat}")
            yield {
                "pairs": {
                    key: {"pairs": count}
                    | {preset: _share(joined[f"{key} {preset}"], count) for preset in PRESETS}
                    for key, count in sorted(pairs.items())
                },
                "joined": wrong,
            }


def _share(count: int, of: int) -> dict[str, float]:
    interval = wilson(count, of)
    low, high = round(interval.low, 4), round(interval.high, 4)
    return {"accepted": count, "share": round(count / of, 4), "low": low, "high": high}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("receipts", nargs="+", help="files or folders")
    parser.add_argument("--first", type=int, default=20, help="files to leave out at the start")
    parser.add_argument("--files", type=int, default=1000, help="how many at most")
    parser.add_argument("--each", type=int, default=2, help="characters of each file and change")
    parser.add_argument("--dry", action="store_true", help="print the result, write no file")
    given = parser.parse_args()
    found = [Path(file.path) for file in discover(given.receipts).files]
    command = f"python benchmarks/receipt_digits.py RECEIPTS --first {given.first}"
    about = record.machine(command, "numpy", "pillow", "opencv-python-headless")
    result: dict[str, Any] = {}
    for result in measure(sorted(found)[given.first : given.first + given.files], given.each):
        if not given.dry:
            record.write("receipt-digits", about | {"verdicts": VERSION} | result)
    for name, row in result["pairs"].items():
        print(name, row["pairs"], {preset: row[preset]["accepted"] for preset in PRESETS})
    print("joined", *result["joined"], sep="\n")


if __name__ == "__main__":
    main()
