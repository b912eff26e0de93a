"""Build photo libraries with known originals, and measure which file find-dupes keeps of each.

    python benchmarks/library.py DATA/photos DATA/large --seeds 5 6 -o results/library.json

Every picture below the sources becomes a camera original with some of the copies that gather in a
library: backups, exports, edits, screenshots, scans, copies by messengers. Beside some originals
lie further shots, which are no copies: bursts, brackets, raw files (DNG). `--stripped` leaves EXIF
out of all files, and further shots with it. The limits of `group/evidence.py` were set on seeds 0
to 4; others are for reporting.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from library_shots import EXPOSED, further_shots
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter

from imgsim.read.discover import discover

Pixels = Image.Image
LONGEST = 2000
"""Pixels of the longer side of an original, at most."""

LEAST_SIDE = 240
LEAST_CHROMA = 3.0

CAMERAS = (("NIKON CORPORATION", "NIKON D90"), ("Apple", "iPhone 6"), ("Canon", "Canon EOS 70D"))
EDITORS = ("Adobe Photoshop Lightroom 6.1", "GIMP 2.10.8", "Picasa", "Snapseed 2.0")


@dataclass(frozen=True)
class Made:
    """A file of a library: which original it shows, how it was made, its role to the original."""

    path: str
    original: str
    kind: str
    roles: tuple[str, ...]


@dataclass(frozen=True)
class Kind:
    """A way in which copies come about.

    Attributes
    ----------
    name : str
    roles : tuple of str
        Primary roles to the original that are right.
    make : callable
        Changes the pixels.
    suffix : str
        Of its file.
    folder : str
    quality : tuple of int
        Range of the quality it is saved with.
    exif : str
        "kept", "none", or "edited": with the name of a program.
    """

    name: str
    roles: tuple[str, ...]
    make: Callable[[Pixels, np.random.Generator], Pixels] = lambda image, random: image
    suffix: str = ".jpg"
    folder: str = "Exports"
    quality: tuple[int, int] = (85, 96)
    exif: str = "none"


def _scaled(image: Pixels, factor: float, how: Image.Resampling) -> Pixels:
    return image.resize((round(image.width * factor), round(image.height * factor)), how)


def _enlarged(image: Pixels, random: np.random.Generator) -> Pixels:
    hows = (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS)
    return _scaled(image, float(random.uniform(1.3, 2.2)), hows[random.integers(3)])


def _smaller(image: Pixels, random: np.random.Generator) -> Pixels:
    hows = (Image.Resampling.BICUBIC, Image.Resampling.LANCZOS, Image.Resampling.BOX)
    return _scaled(image, float(random.uniform(0.4, 0.8)), hows[random.integers(3)])


def _messenger(image: Pixels, random: np.random.Generator) -> Pixels:
    copy = image.copy()
    copy.thumbnail((1600, 1600), Image.Resampling.BICUBIC)
    return copy


def _brightened(image: Pixels, random: np.random.Generator) -> Pixels:
    return ImageEnhance.Brightness(image).enhance(float(random.choice([0.8, 1.15, 1.3])))


def _contrast(image: Pixels, random: np.random.Generator) -> Pixels:
    return ImageEnhance.Contrast(image).enhance(float(random.choice([0.8, 1.2, 1.35])))


def _saturated(image: Pixels, random: np.random.Generator) -> Pixels:
    return ImageEnhance.Color(image).enhance(float(random.choice([0.5, 1.4])))


def _warm(image: Pixels, random: np.random.Generator) -> Pixels:
    gains = np.array([1.1, 1.0, 0.88] if random.random() < 0.5 else [0.9, 1.0, 1.1])
    return Image.fromarray(np.clip(np.asarray(image) * gains, 0, 255).astype(np.uint8))


def _sharpened(image: Pixels, random: np.random.Generator) -> Pixels:
    return image.filter(ImageFilter.UnsharpMask(2, int(random.integers(80, 160)), 2))


def _noisy(image: Pixels, random: np.random.Generator) -> Pixels:
    noise = random.normal(0, random.uniform(6, 14), (image.height, image.width, 3))
    return Image.fromarray(np.clip(np.asarray(image) + noise, 0, 255).astype(np.uint8))


def _blurred(image: Pixels, random: np.random.Generator) -> Pixels:
    return image.filter(ImageFilter.GaussianBlur(float(random.uniform(1.2, 2.5))))


def _stretched(image: Pixels, random: np.random.Generator) -> Pixels:
    factor = float(random.choice([0.85, 1.15, 1.25]))
    return image.resize((round(image.width * factor), image.height), Image.Resampling.BICUBIC)


def _rotated(image: Pixels, random: np.random.Generator) -> Pixels:
    angle = float(random.uniform(1.5, 5) * random.choice([-1, 1]))
    return image.rotate(angle, Image.Resampling.BICUBIC, expand=True)


def _cropped(image: Pixels, random: np.random.Generator) -> Pixels:
    share = random.uniform(0.65, 0.93, 2)
    width, height = round(image.width * share[0]), round(image.height * share[1])
    x = int(random.integers(image.width - width + 1))
    y = int(random.integers(image.height - height + 1))
    return image.crop((x, y, x + width, y + height))


def _screenshot(image: Pixels, random: np.random.Generator) -> Pixels:
    shot = Image.new("RGB", (1080, 2160), (0, 0, 0) if random.random() < 0.5 else (255, 255, 255))
    factor = min(1080 / image.width, 1700 / image.height)
    scaled = _scaled(image, factor, Image.Resampling.BILINEAR)
    shot.paste(scaled, ((1080 - scaled.width) // 2, (2160 - scaled.height) // 2))
    pen = ImageDraw.Draw(shot)
    pen.text((40, 20), "12:41", fill=(128, 128, 128), font_size=40)
    pen.text((900, 20), "87 %", fill=(128, 128, 128), font_size=40)
    pen.rectangle((440, 2130, 640, 2140), fill=(128, 128, 128))
    return shot


def _framed(image: Pixels, random: np.random.Generator) -> Pixels:
    border = round(0.06 * max(image.size))
    framed = Image.new("RGB", (image.width + 2 * border, image.height + 2 * border), "white")
    framed.paste(image, (border, border))
    return framed


def _captioned(image: Pixels, random: np.random.Generator) -> Pixels:
    copy = image.copy()
    height = round(0.09 * image.height)
    pen = ImageDraw.Draw(copy)
    words = ("SUMMER HOLIDAYS 2012", "HAPPY BIRTHDAY TO YOU", "GREETINGS FROM THE LAKE")
    pen.text(
        (round(0.05 * image.width), image.height - 2 * height),
        words[random.integers(3)],
        fill="white",
        font_size=height,
        stroke_width=max(1, height // 12),
        stroke_fill="black",
    )
    return copy


def _scan(image: Pixels, random: np.random.Generator) -> Pixels:
    """A scan of a print: softer, other tones, slightly turned, grain of its own."""
    sharp = image.filter(ImageFilter.GaussianBlur(1.0))
    levels = np.asarray(sharp, np.float64) / 255
    levels = 0.06 + 0.86 * levels ** float(random.uniform(0.85, 1.2))
    noise = random.normal(0, 0.012, levels.shape)
    scan = Image.fromarray((255 * np.clip(levels + noise, 0, 1)).astype(np.uint8))
    return scan.rotate(float(random.uniform(-0.4, 0.4)), Image.Resampling.BICUBIC)


EDIT = ("edited",)
KINDS = (
    Kind("backup", ("exact",), folder="Backup/2012"),
    Kind("second copy", ("exact",), folder="DCIM/100"),
    Kind("restored", ("exact",), folder="Restored"),
    Kind("stripped", ("pixels",), folder="Web"),
    Kind("saved again", ("reencoded",), quality=(97, 99), folder="Photos"),
    Kind("saved smaller", ("reencoded",), quality=(60, 85), exif="kept", folder="Photos"),
    Kind("png export", ("reencoded", "pixels"), suffix=".png"),
    Kind("tiff export", ("reencoded", "pixels"), suffix=".tif"),
    Kind("webp export", ("reencoded",), suffix=".webp", quality=(80, 95)),
    Kind("heic export", ("reencoded",), suffix=".heic", quality=(70, 90), folder="Phone"),
    Kind("messenger", ("smaller",), _smaller, quality=(70, 85), folder="WhatsApp Images"),
    Kind("enlarged", ("enlarged",), _enlarged, quality=(88, 97), folder="Prints"),
    Kind("brightened", EDIT, _brightened, exif="edited", folder="Edits", quality=(90, 98)),
    Kind("contrast", EDIT, _contrast, exif="none", folder="Photos", quality=(90, 98)),
    Kind("saturated", EDIT, _saturated, exif="edited", folder="Edits", quality=(90, 98)),
    Kind("warm", EDIT, _warm, exif="edited", folder="Edits", quality=(90, 98)),
    Kind("black-and-white", EDIT, lambda i, r: i.convert("L").convert("RGB"), quality=(90, 98)),
    Kind("sharpened", EDIT, _sharpened, exif="edited", folder="Edits", quality=(90, 98)),
    Kind("noisy", ("noisier",), _noisy, quality=(90, 98)),
    Kind("blurred", ("blurred",), _blurred, quality=(90, 98)),
    Kind("stretched", ("stretched",), _stretched, quality=(88, 97)),
    Kind("rotated", ("rotated",), _rotated, quality=(90, 98)),
    Kind("cropped", ("cropped",), _cropped, quality=(88, 97), exif="kept"),
    Kind("screenshot", ("inset",), _screenshot, suffix=".png", folder="Screenshots"),
    Kind("framed", ("inset",), _framed),
    Kind("captioned", ("overlaid",), _captioned),
    Kind("turned", ("turned",), lambda i, r: i.transpose(Image.Transpose.ROTATE_90)),
    Kind("mirrored", ("mirrored",), lambda i, r: i.transpose(Image.Transpose.FLIP_LEFT_RIGHT)),
    Kind("scan", ("edited", "near", "blurred", "noisier", "cropped"), _scan, folder="Scans"),
)
MORE_KINDS = (
    Kind("messenger 1600", ("smaller", "reencoded"), _messenger, quality=(70, 80),
         folder="WhatsApp Images"),
    Kind("restored later", ("exact",), folder="Restored 2020"),
    Kind("webp of the web", ("smaller",), _smaller, ".webp", "Downloads", (75, 90)),
    Kind("heic of the phone", ("smaller",), _smaller, ".heic", "Phone", (70, 90)),
    Kind("tiff for printing", ("reencoded", "pixels"), suffix=".tif", folder="Prints"),
    Kind("without EXIF", ("reencoded",), quality=(75, 90), folder="Old disk"),
    Kind("two scans", ("edited", "near", "blurred", "noisier", "cropped"), _scan, folder="Scans"),
)  # fmt: skip
"""Drawn by numbers of their own, so that the rest of a library stays as it is."""

SAME_BYTES = ("backup", "second copy", "restored", "restored later")
HEIC_ORIGINALS = 0.15


@dataclass(frozen=True)
class Extent:
    """How large a library is.

    Attributes
    ----------
    count : int
        Originals.
    copies, more : int
        Of each original, of `KINDS` and of `MORE_KINDS`.
    shots : float
        Share of the originals beside which further shots lie.
    """

    count: int
    copies: int
    more: int
    shots: float


def build(
    folder: Path, sources: Sequence[str], seed: int, extent: Extent, *, stripped: bool
) -> list[Made]:
    """Write a library; what is in it."""
    if folder.exists():
        raise SystemExit(f"{folder} is there already")
    random = np.random.default_rng([seed, 17])
    files = [file.path for file in discover(sources).files if _like_a_photo(file.path)]
    chosen = random.permutation(len(files))[: extent.count]
    made = []
    for number, place in enumerate(sorted(chosen), 1):
        made += _shot(folder, files[place], number, random, extent.copies, stripped=stripped)
        made += _more(folder, made[-1], number, np.random.default_rng([seed, 18, number]), extent)
    return made


def _more(
    folder: Path, last: Made, number: int, random: np.random.Generator, extent: Extent
) -> list[Made]:
    """Some more copies of an original, and perhaps shots that are none."""
    original = Path(last.original)
    data = original.read_bytes()
    with Image.open(io.BytesIO(data)) as opened:
        decoded, exif = opened.convert("RGB"), opened.info.get("exif") or b""
    made = []
    for place in random.permutation(len(MORE_KINDS))[: extent.more]:
        kind = MORE_KINDS[place]
        for _ in range(2 if kind.name == "two scans" else 1):
            made.append(
                _copy(folder, kind, original.name, data, decoded, exif, str(original), random)
            )
    if exif and random.random() < extent.shots:
        when = original.stat().st_mtime
        for shot in further_shots(original, decoded, exif, random):
            path = _write(original.with_name(shot.name), shot.data, int(when) + 1)
            made.append(Made(path, str(original), shot.relation, ()))
    return made


def _like_a_photo(path: str) -> bool:
    """Whether a source is large enough, and in colours: edits of colours change nothing else."""
    with Image.open(path) as opened:
        if min(opened.size) < LEAST_SIDE:
            return False
        small = opened.convert("RGB").resize((64, 64))
    chroma = np.asarray(small.convert("YCbCr"), np.float64)[..., 1:] - 128
    return float(np.hypot(*chroma.reshape(-1, 2).T).mean()) > LEAST_CHROMA


def _shot(
    folder: Path,
    source: str,
    number: int,
    random: np.random.Generator,
    copies: int,
    *,
    stripped: bool,
) -> list[Made]:
    with Image.open(source) as opened:
        image = opened.convert("RGB")
    image = _camera_shape(image)
    image.thumbnail((LONGEST, LONGEST))
    if source.endswith(".jpg"):  # the source's own compression must not decide
        image = _scaled(image, 0.8, Image.Resampling.LANCZOS)
    heic = random.random() < HEIC_ORIGINALS
    exif = b"" if stripped else camera_exif(image, number, random)
    quality = int(random.integers(75, 90)) if heic else int(random.integers(85, 97))
    data = encoded(image, ".heic" if heic else ".jpg", quality, exif)
    name = f"IMG_{number:04}.HEIC" if heic else f"DSC_{number:04}.JPG"
    original = _write(folder / "DCIM/100" / name, data, 1_341_309_600 + 60 * number)
    with Image.open(io.BytesIO(data)) as opened:
        decoded = opened.convert("RGB")
    made = [Made(original, original, "original", ())]
    for place in random.permutation(len(KINDS))[:copies]:
        kind = KINDS[place]
        if kind.name == "stripped" and (heic or stripped):
            continue
        made.append(_copy(folder, kind, name, data, decoded, exif, made[0].path, random))
    return made


def _camera_shape(image: Pixels) -> Pixels:
    """The middle of a picture, 3 : 2 or 4 : 3, as cameras have them."""
    longer, shorter = max(image.size), min(image.size)
    shape = min((3 / 2, 4 / 3), key=lambda one: abs(longer / shorter - one))
    longer, shorter = min(longer, round(shorter * shape)), min(shorter, round(longer / shape))
    width, height = (longer, shorter) if image.width >= image.height else (shorter, longer)
    x, y = (image.width - width) // 2, (image.height - height) // 2
    return image.crop((x, y, x + width, y + height))


def _copy(
    folder: Path,
    kind: Kind,
    name: str,
    data: bytes,
    decoded: Pixels,
    exif: bytes,
    original: str,
    random: np.random.Generator,
) -> Made:
    stem, suffix = os.path.splitext(name)
    if kind.name in SAME_BYTES:
        copy, end = data, suffix
    elif kind.name == "stripped":
        copy, end = _without_exif(data), suffix
    else:
        end = kind.suffix
        changed = kind.make(decoded, random)
        own = {"kept": exif, "none": b"", "edited": _edited(exif, random)}[kind.exif]
        copy = encoded(changed, end, int(random.integers(*kind.quality)), own)
    ending = " - Copy" if kind.name == "second copy" else random.choice(["", "-edit", " (1)"])
    where = folder / kind.folder / f"{stem}{ending}{end}"
    while where.exists():
        where = where.with_stem(where.stem + "_")
    older = kind.name in ("restored",) or random.random() < 0.15
    older = older and kind.name != "restored later"
    when = 1_325_000_000 if older else 1_400_000_000 + int(random.integers(10**7))
    return Made(_write(where, copy, when), original, kind.name, kind.roles)


def camera_exif(image: Pixels, number: int, random: np.random.Generator) -> bytes:
    """EXIF of a camera that took a picture of this size."""
    make, model = CAMERAS[random.integers(len(CAMERAS))]
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = make, model
    own = exif.get_ifd(0x8769)
    own[0x9003] = f"2012:07:03 {10 + number // 60 % 12:02}:{number % 60:02}:00"
    own[0xA002], own[0xA003] = image.size
    own[0x829A], own[0x9204] = EXPOSED, 0.0
    return exif.tobytes()


def _edited(exif: bytes, random: np.random.Generator) -> bytes:
    if not exif:
        return b""
    edited = Image.Exif()
    edited.load(exif)
    edited.get_ifd(0x8769)
    edited[0x0131] = EDITORS[random.integers(len(EDITORS))]
    return edited.tobytes()


def encoded(image: Pixels, suffix: str, quality: int, exif: bytes = b"") -> bytes:
    """Save a picture in the format of a suffix."""
    file = io.BytesIO()
    given: dict[str, Any] = {"exif": exif} if exif else {}
    if suffix == ".png":
        image.save(file, "PNG", **given)
    elif suffix == ".tif":
        image.save(file, "TIFF", compression="tiff_lzw")
    elif suffix == ".webp":
        image.save(file, "WEBP", quality=quality, **given)
    elif suffix == ".heic":
        import pillow_heif

        pillow_heif.register_heif_opener()
        image.save(file, "HEIF", quality=quality, **given)
    else:
        image.save(file, "JPEG", quality=quality, **given)
    return file.getvalue()


def _without_exif(data: bytes) -> bytes:
    """A JPEG without its APP1 segments, and not encoded again."""
    parts, place = [data[:2]], 2
    while data[place + 1] != 0xDA:
        length = 2 + int.from_bytes(data[place + 2 : place + 4])
        if data[place + 1] != 0xE1:
            parts.append(data[place : place + length])
        place += length
    return b"".join([*parts, data[place:]])


def _write(path: Path, data: bytes, when: int) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.utime(path, (when, when))
    return str(path)


def run(folder: Path, more: Sequence[str] = ()) -> dict[str, Any]:
    """Run find-dupes over a folder; its document."""
    call = [
        sys.executable,
        "-m",
        "imgsim",
        "find-dupes",
        str(folder),
        "-f",
        "json",
        "-q",
        "--cache",
        "off",
        *more,
    ]
    done = subprocess.run(call, capture_output=True, check=True)
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def judge(document: dict[str, Any], made: Sequence[Made]) -> dict[str, Any]:
    """Count originals that are kept, primary roles that are right, and name what is wrong."""
    truth = {one.path: one for one in made}
    digests = {m["path"]: m["digest"] for g in document["groups"] for m in g["members"]}
    kept, roles = Counter[bool](), defaultdict[str, Counter[str]](Counter)
    wrong_kept, wrong_roles, lost = [], [], []
    shots_free, shots_kept = [], 0
    for group in document["groups"]:
        paths = [m["path"] for m in group["members"]]
        originals = {truth[path].original for path in paths}
        if len(originals) > 1:
            wrong_kept.append({"keep": group["keep"], "mixed": paths})
        (original, *_) = sorted(originals)
        same = {p for p in paths if digests[p] == digests.get(original)}
        shots = [m for m in group["members"] if truth[m["path"]].kind in SHOTS]
        shots_free += [m["path"] for m in shots if m["role"] in REMOVABLE]
        if not same:
            continue
        if truth[group["keep"]].kind in SHOTS:  # it is an original too
            shots_kept += 1
            lost += [p for p in same if _role(group, p) in REMOVABLE]
            continue
        right = group["keep"] in same
        kept[right] += 1
        if not right:
            kind = truth[group["keep"]].kind
            reason = f"{group['keep_rule']}: {group['keep_reason']}"
            wrong_kept.append({"keep": group["keep"], "kind": kind, "reason": reason})
            lost += [p for p in same if _role(group, p) in REMOVABLE]
            continue
        for member in group["members"]:
            one = truth[member["path"]]
            if member["kind"] == "kept" or not one.roles:
                continue
            roles[one.kind][member["role"]] += 1
            wanted = ("exact",) if one.kind in SAME_BYTES else one.roles
            if member["role"] not in wanted:
                wrong_roles.append(
                    {k: member[k] for k in ("path", "role", "changes", "why")} | {"kind": one.kind}
                )
    right_roles = sum(map(Counter.total, roles.values())) - len(wrong_roles)
    false_free = [w for w in wrong_roles if w["role"] in REMOVABLE]
    return {
        "groups_with_original": kept.total(),
        "original_kept": kept[True] / max(1, kept.total()),
        "roles": sum(map(Counter.total, roles.values())),
        "role_right": right_roles / max(1, right_roles + len(wrong_roles)),
        "wrongly_removable": false_free,
        "originals_removable": lost,
        "shots_removable": shots_free,
        "shots_kept": shots_kept,
        **_judge_shots(document, truth),
        "by_kind": {kind: dict(counts) for kind, counts in sorted(roles.items())},
        "wrong_kept": wrong_kept,
        "wrong_roles": wrong_roles,
        "seconds": document.get("seconds", {}).get("total"),
    }


def _judge_shots(document: dict[str, Any], truth: dict[str, Made]) -> dict[str, Any]:
    """Count further shots that are named with their original's files, and wrong names."""
    named: dict[str, set[str]] = defaultdict(set)
    wrong = []
    listed = [*document["related"], *(r for g in document["groups"] for r in g["related"])]
    for one in listed:
        if one["relation"] not in ("burst", "bracket", "raw", "moment"):
            continue
        ends = truth[one["path"]], truth[one["with"]]
        relations = {end.kind for end in ends} & set(SHOTS)
        # the original of a bracket may be one step from both of its shots, as in a burst
        if ends[0].original != ends[1].original or one["relation"] not in relations:
            wrong.append(one)
        for end in ends:
            named[end.path].add(one["relation"])
    shots = [one for one in truth.values() if one.kind in SHOTS]
    found = sum(one.kind in named[one.path] for one in shots)
    return {"shots": len(shots), "shots_named": found, "wrongly_named": wrong}


SHOTS = ("burst", "bracket", "raw")
REMOVABLE = ("exact", "pixels", "reencoded", "smaller")


def _role(group: dict[str, Any], path: str) -> str | None:
    return next(m["role"] for m in group["members"] if m["path"] == path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sources", nargs="+")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--count", type=int, default=50, help="originals of a library")
    parser.add_argument("--copies", type=int, default=3, help="of each original")
    parser.add_argument("--more", type=int, default=1, help="of the further kinds, of each")
    parser.add_argument("--shots", type=float, default=0.2, help="share with bursts, raw files ...")
    parser.add_argument("--stripped", action="store_true", help="no file has EXIF")
    parser.add_argument("--folder", type=Path, help="where the libraries stay")
    parser.add_argument("-o", "--output", type=Path)
    parser.add_argument("-v", "--verbose", action="store_true")
    given = parser.parse_args()
    results = {}
    for seed in given.seeds:
        with tempfile.TemporaryDirectory() as own:
            folder = (given.folder or Path(own)) / str(seed)
            extent = Extent(given.count, given.copies, given.more, given.shots)
            made = build(folder, given.sources, seed, extent, stripped=given.stripped)
            if given.folder:
                (folder.parent / f"{seed}.json").write_text(json.dumps([asdict(m) for m in made]))
            result = judge(run(folder), made)
        results[str(seed)] = {"files": len(made), **result}
        shown = {k: v for k, v in results[str(seed)].items() if not isinstance(v, list | dict)}
        counts = {k: len(v) for k, v in result.items() if isinstance(v, list)}
        print(seed, json.dumps(shown | counts), flush=True)
        if given.verbose:
            for line in [*result["wrong_kept"], *result["wrong_roles"]]:
                print("  ", json.dumps(line))
            print("  ", json.dumps(result["by_kind"]))
    if given.output:
        given.output.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
