"""How often `auto` finds the copies of animations and documents, and whether it tells others.

    python benchmarks/frames.py

writes benchmarks/results/frames.json. Every scene is an animated GIF, or a TIFF of three pages,
with copies in other formats and sizes, and with others that share its first frame and as many
frames or pages as it has, or that differ from a copy in a small thing in one frame. The copies are
made of what the GIF shows, but for one: of the film that the GIF was made of, with all its colours.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import record
from PIL import Image, ImageDraw, ImageSequence

import imgsim
from imgsim.pictures.documents import page
from imgsim.pictures.fixed_camera import cycle, frame
from imgsim.pictures.generate import landscape

SIZE = 320, 240
FRAMES = 12
Frames = list[Image.Image]


def pan(seed: int) -> Frames:
    """A window that moves over a landscape."""
    whole = Image.fromarray(landscape(seed, 480, 300))
    return [whole.crop((12 * i, 4 * i, 12 * i + SIZE[0], 4 * i + SIZE[1])) for i in range(FRAMES)]


def slides(seed: int) -> Frames:
    """Four pictures, each for three frames."""
    return [Image.fromarray(landscape(seed * 10 + i // 3, *SIZE)) for i in range(FRAMES)]


def fade(seed: int) -> Frames:
    """A picture that grows out of black."""
    bright = Image.fromarray(landscape(seed, *SIZE))
    return [Image.blend(Image.new("RGB", SIZE), bright, i / (FRAMES - 1)) for i in range(FRAMES)]


def camera(seed: int) -> Frames:
    """A hall with machines that move, seen from one place."""
    states = cycle(FRAMES, seed)
    return [Image.fromarray(frame(state, seed, hall=seed)).resize(SIZE) for state in states]


def titled(seed: int) -> Frames:
    """A title that is the same in all of them, and a window that moves."""
    title = Image.new("RGB", SIZE, "navy")
    draw = ImageDraw.Draw(title)
    for i in range(12):
        x, y = 20 + 24 * i, 20 + 37 * i % 150
        draw.rectangle((x, y, x + 16, y + 15 + 53 * i % 50), "gold")
    return [title, *pan(seed)[1:]]


def document(seed: int) -> Frames:
    """Three pages of print."""
    return [Image.fromarray(page(seed, number)) for number in range(3)]


def with_blank(seed: int) -> Frames:
    """Two pages of print, and a scanned empty one between them."""
    first, _, last = document(seed)
    rng = np.random.default_rng(seed)
    paper = rng.normal(246, 2, (first.height, first.width)).clip(0, 255).astype(np.uint8)
    return [first, Image.fromarray(paper), last]


ANIMATIONS: dict[str, Callable[[int], Frames]] = {
    "pan": pan, "slides": slides, "fade": fade, "camera": camera, "titled": titled,
}  # fmt: skip
DOCUMENTS: dict[str, Callable[[int], Frames]] = {"document": document, "with blank": with_blank}

ANIMATION_COPIES = "APNG", "WebP", "smaller", "smaller WebP", "from film"
DOCUMENT_COPIES = "deflated", "JPEG", "smaller"


def save(frames: Sequence[Image.Image], path: Path, **settings: Any) -> None:
    frames[0].save(path, save_all=True, append_images=frames[1:], **settings)


def dithered(frames: Sequence[Image.Image]) -> Frames:
    """Bring frames to 256 colours each, as programs do that make GIFs of films."""
    return [
        one.quantize(palette=one.quantize(256), dither=Image.Dither.FLOYDSTEINBERG)
        for one in frames
    ]


def scaled(frames: Sequence[Image.Image], factor: float) -> Frames:
    size = round(frames[0].width * factor), round(frames[0].height * factor)
    return [one.resize(size, Image.Resampling.LANCZOS) for one in frames]


def with_thing(frames: Frames, seed: int, digit: bool) -> Frames:
    """Frames one of which has a digit, or a patch, that stands out little from what is under it."""
    rng = np.random.default_rng(seed)
    number = int(rng.integers(len(frames)))
    x, y = (int(rng.integers(20, side - 40)) for side in SIZE)
    one = frames[number].copy()
    under = np.asarray(one)[y : y + 14, x : x + 14].mean(axis=(0, 1))
    step = (60 if digit else 20) * (1 if under.mean() < 128 else -1)
    ink = tuple((under + step).clip(0, 255).astype(int).tolist())
    draw = ImageDraw.Draw(one)
    if digit:
        draw.text((x, y), str(rng.integers(10)), ink, font_size=10)
    else:
        draw.rectangle((x, y, x + 6, y + 6), ink)
    return [*frames[:number], one, *frames[number + 1 :]]


def write_animation(folder: Path, name: str, make: Callable[[int], Frames], seed: int) -> None:
    """Write an animation, its copies as NAME-*, and others as NAME_*."""
    frames, others = make(seed), make(seed + 5000)
    times = [70 + 50 * (i % 3) for i in range(FRAMES)]
    original = folder / f"{name}-original.gif"
    save(dithered(frames), original, duration=times, loop=0)
    with Image.open(original) as image:
        shown = [one.convert("RGB") for one in ImageSequence.Iterator(image)]
        shown_ms = [one.info["duration"] for one in ImageSequence.Iterator(image)]
    smaller = scaled(shown, 0.7)
    save(shown, folder / f"{name}-APNG.png", duration=shown_ms)
    save(shown, folder / f"{name}-WebP.webp", duration=shown_ms, quality=75)
    save(dithered(smaller), folder / f"{name}-smaller.gif", duration=shown_ms)
    save(smaller, folder / f"{name}-smaller WebP.webp", duration=shown_ms, quality=75)
    save(frames, folder / f"{name}-from film.webp", duration=times, quality=75)
    for thing in ("digit", "patch"):
        other = with_thing(shown, seed, thing == "digit")
        save(other, folder / f"{name}_{thing}.webp", duration=shown_ms, quality=75)
    save(dithered([frames[0], *others[1:]]), folder / f"{name}_first.gif", duration=times)
    save(dithered(frames[:9] + others[9:]), folder / f"{name}_end.gif", duration=times)
    save(dithered(frames[::-1]), folder / f"{name}_reversed.gif", duration=times)
    save(dithered(frames[:6]), folder / f"{name}_half.gif", duration=times[:6])
    frames[0].save(folder / f"{name}_still.png")
    frames[-1].save(folder / f"{name}_last.png")


def write_document(folder: Path, name: str, make: Callable[[int], Frames], seed: int) -> None:
    """Write a document, its copies as NAME-*, and others as NAME_*."""
    pages, others = make(seed), document(seed + (5000 if make is document else 6000))
    stamped = pages[1].copy()
    middle = stamped.width // 2, stamped.height // 2
    ImageDraw.Draw(stamped).text(middle, "PAID 12 March", 60, font_size=stamped.height // 40)
    save(pages, folder / f"{name}-original.tif", compression="tiff_lzw")
    save(pages, folder / f"{name}-deflated.tif", compression="tiff_adobe_deflate")
    save(pages, folder / f"{name}-JPEG.tif", compression="jpeg", quality=80)
    save(scaled(pages, 0.8), folder / f"{name}-smaller.tif", compression="tiff_lzw")
    save([pages[0], *others[1:]], folder / f"{name}_first.tif", compression="tiff_lzw")
    save([*pages[:2], others[2]], folder / f"{name}_end.tif", compression="tiff_lzw")
    save([pages[0], pages[2], pages[1]], folder / f"{name}_order.tif", compression="tiff_lzw")
    save([pages[0], stamped, pages[2]], folder / f"{name}_stamped.tif", compression="tiff_lzw")
    save(pages[:2], folder / f"{name}_two.tif", compression="tiff_lzw")


def measure(folder: Path, scenes: int, method: str) -> dict[str, Any]:
    """Return the share of copies in a group with their original, and the wrong pairs by cause."""
    kinds = ANIMATIONS | DOCUMENTS
    for kind, make in kinds.items():
        write = write_animation if kind in ANIMATIONS else write_document
        for number in range(scenes):
            write(folder, f"{kind} {number}", make, 100 * number + 7)
    result = imgsim.find_duplicates([str(folder)], method)
    found: Counter[tuple[str, str]] = Counter()
    wrong: Counter[str] = Counter()
    for group in result.groups:
        names = [Path(member.picture.file.path).stem for member in group.members]
        for a, b in combinations(sorted(names), 2):
            if a.partition("-")[0] != b.partition("-")[0] and not same_still(a, b):
                wrong[f"{a} = {b}"] += 1
        for scene in {n.partition("-")[0] for n in names if n.endswith("-original")}:
            copies = [n for n in names if n.startswith(f"{scene}-")]
            found.update((scene.rpartition(" ")[0], n.partition("-")[2]) for n in copies)
    table = {
        kind: {
            copy: found[kind, copy] / scenes
            for copy in (ANIMATION_COPIES if kind in ANIMATIONS else DOCUMENT_COPIES)
        }
        for kind in kinds
    }
    shares = [share for row in table.values() for share in row.values()]
    return {
        "method": method,
        "scenes_of_a_kind": scenes,
        "files": result.images,
        "copies": len(shares) * scenes,
        "found": round(float(np.mean(shares)), 4),
        "wrong_pairs": sum(wrong.values()),
        "wrong": dict(wrong),
        "skipped": len(result.skipped),
        "kinds": table,
    }


def same_still(one: str, other: str) -> bool:
    """Whether two stills show the same frame: the title, or the end of a reversed animation."""
    return one.endswith(("_still", "_last")) and other.endswith(("_still", "_last"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scenes", type=int, default=12, help="of each kind")
    parser.add_argument("--method", default="auto")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = measure(Path(folder), given.scenes, given.method)
    about = record.machine(
        f"python benchmarks/frames.py --scenes {given.scenes}", "numpy", "pillow"
    )
    print(record.write("frames", about | result), result)


if __name__ == "__main__":
    main()
