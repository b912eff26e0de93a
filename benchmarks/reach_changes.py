"""Changes of pictures by which `reach.py` measures how far `auto` sees, and what is asked of each.

Each takes a picture, others (the first of them is in no other copy), and a generator that is seeded
by the picture and the change; it returns copies by name, all of which show the picture.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageOps

from imgsim.pictures.changes import homography
from imgsim.pictures.generate import landscape
from imgsim.pictures.lettering import font, phrase

Picture = Image.Image
Copies = dict[str, Picture]
Others = Sequence[Picture]
Make = Callable[[Picture, Others, np.random.Generator], Copies]
Asked = dict[str, float]

_NORMAL, _ALL = (0.95, 0.97), (0.95, 0.95, 0.97)


@dataclass(frozen=True, slots=True)
class Change:
    """One change, or a protocol of several.

    Attributes
    ----------
    make : callable
        Given a picture, others and a generator, returns copies by name.
    asked : tuple of float
        Share of the pairs at strict, normal and loose; the first are left out where nothing is
        asked of them.
    prepare : callable, optional
        Makes the original of a photo, from the same as `make`.
    """

    make: Make
    asked: Sequence[float]
    prepare: Callable[[Picture, Others, np.random.Generator], Picture] | None = None

    def asked_by_preset(self) -> Asked:
        presets = ("strict", "normal", "loose")
        return dict(zip(presets[3 - len(self.asked) :], self.asked, strict=True))


def _one(step: Callable[[Picture, np.random.Generator], Picture]) -> Make:
    return lambda image, others, rng: {"copy": step(image, rng)}


def _resized(image: Picture, width: float, height: float) -> Picture:
    return image.resize((max(1, round(width)), max(1, round(height))), Image.Resampling.LANCZOS)


def _to_width(image: Picture, width: float) -> Picture:
    return _resized(image, width, image.height * width / image.width)


def _fitted(image: Picture, longer: int) -> Picture:
    """A picture with this longer side, also where that enlarges it."""
    scale = longer / max(image.size)
    return _resized(image, image.width * scale, image.height * scale)


def _cut(image: Picture, share: float, rng: np.random.Generator) -> Picture:
    """A part of this share of the width and of the height, anywhere."""
    width, height = round(image.width * share), round(image.height * share)
    x, y = (int(rng.integers(n + 1)) for n in (image.width - width, image.height - height))
    return image.crop((x, y, x + width, y + height))


def _noisy(image: Picture, sigma: float, rng: np.random.Generator) -> Picture:
    pixels = np.asarray(image, float)
    return Image.fromarray(
        np.rint(pixels + rng.normal(0, sigma, pixels.shape)).clip(0, 255).astype("u1")
    )


# Protocols ---------------------------------------------------------------------------------------


def _protocol(side: int, kept: float) -> Make:
    """The protocol of imagededup: a central crop, both flips, a turn by 25 degrees, a square."""

    def make(image: Picture, others: Others, rng: np.random.Generator) -> Copies:
        width, height = round(image.width * kept), round(image.height * kept)
        x, y = (image.width - width) // 2, (image.height - height) // 2
        return {
            "cropped": image.crop((x, y, x + width, y + height)),
            "mirrored": ImageOps.mirror(image),
            "flipped": ImageOps.flip(image),
            "turned": image.rotate(25, Image.Resampling.BICUBIC),
            "squeezed": _resized(image, side, side),
        }

    return make


# Geometry ----------------------------------------------------------------------------------------


def _stretched(image: Picture, others: Others, rng: np.random.Generator) -> Copies:
    copies = {}
    for ratio in (1.5, 2.0, 3.0):
        across = rng.random() < 0.5
        size = (ratio, 1.0) if across else (1.0, ratio)
        scale = 1 / ratio if rng.random() < 0.5 else 1.0
        width, height = (n * s * scale for n, s in zip(image.size, size, strict=True))
        copies[f"{ratio:g}"] = _resized(image, width, height)
    return copies


def _turned(image: Picture, rng: np.random.Generator) -> Picture:
    angle = rng.uniform(0, 360)
    ground = tuple(int(v) for v in rng.choice([(0, 0, 0), (255, 255, 255), (127, 127, 127)]))
    return image.rotate(
        angle, Image.Resampling.BICUBIC, expand=rng.random() < 0.5, fillcolor=ground
    )


def _perspectives(image: Picture, others: Others, rng: np.random.Generator) -> Copies:
    """Corners moved by up to 12 % of the sides, by a homography and by bilinear interpolation."""
    width, height = image.size
    square = np.array([(0, 0), (width, 0), (width, height), (0, height)], float)
    inwards = np.sign(np.array([width, height]) / 2 - square)
    shown = square + rng.uniform(0.02, 0.12, (4, 2)) * (width, height) * inwards
    true = homography(square, shown) if rng.random() < 0.5 else homography(shown, square)
    quad = [float(v) for i in (0, 3, 2, 1) for v in shown[i]]
    return {
        "homography": image.transform(
            image.size, Image.Transform.PERSPECTIVE, true, Image.Resampling.BICUBIC
        ),
        "quad": image.transform(image.size, Image.Transform.QUAD, quad, Image.Resampling.BICUBIC),
    }


def _thumbnail(image: Picture, rng: np.random.Generator) -> Picture:
    return _fitted(image, 48)


def _crops(image: Picture, others: Others, rng: np.random.Generator) -> Copies:
    return {"quarter": _cut(image, 0.5, rng)}


def _small_crop(image: Picture, rng: np.random.Generator) -> Picture:
    part = _cut(image, 0.12**0.5, rng)
    return _resized(part, part.width * 2, part.height * 2)


# Tone and quality --------------------------------------------------------------------------------


def _coarse(image: Picture, quality: int) -> Picture:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


def _filtered(image: Picture, rng: np.random.Generator) -> Picture:
    """A colour filter, as of photo apps: each channel multiplied, bent and lifted."""
    pixels = np.asarray(image, float) / 255
    gain, bend, lift = rng.uniform(0.7, 1.25, 3), rng.uniform(0.7, 1.4, 3), rng.uniform(0, 0.15, 3)
    toned = lift + (1 - lift) * gain * pixels**bend
    grey = toned.mean(axis=2, keepdims=True)
    toned = grey + rng.uniform(0.5, 1.4) * (toned - grey)
    return Image.fromarray((toned.clip(0, 1) * 255).astype("u1"))


def _degraded(image: Picture, others: Others, rng: np.random.Generator) -> Copies:
    return {
        "blur 4": image.filter(ImageFilter.GaussianBlur(4)),
        "JPEG 5": _coarse(image, 5),
        "filter": _filtered(image, rng),
        "noise 35": _noisy(image, 35, rng),
    }


def _hazy(image: Picture) -> Picture:
    return Image.blend(image, Image.new("RGB", image.size, (215, 220, 225)), 0.5)


def _equalised(image: Picture) -> Picture:
    import cv2

    lab = cv2.cvtColor(np.asarray(image), cv2.COLOR_RGB2LAB)
    lab[..., 0] = cv2.createCLAHE(2.0, (8, 8)).apply(np.ascontiguousarray(lab[..., 0]))
    return Image.fromarray(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB))


def _square_112(image: Picture, others: Others, rng: np.random.Generator) -> Picture:
    return ImageOps.fit(image, (112, 112), Image.Resampling.LANCZOS)


def _small_changes(small: Picture, others: Others, rng: np.random.Generator) -> Copies:
    angle = 10.0 * rng.choice((-1, 1))
    return {
        "turned 10": small.rotate(angle, Image.Resampling.BICUBIC),
        "blur 1.5": small.filter(ImageFilter.GaussianBlur(1.5)),
        "hazy": _hazy(small),
        "CLAHE": _equalised(small),
    }


# Set into something else -------------------------------------------------------------------------


def _pasted(image: Picture, other: Picture, rng: np.random.Generator) -> Picture:
    canvas = _fitted(other, 640)
    scale = min(canvas.width / 2 / image.width, 0.9 * canvas.height / image.height)
    small = _resized(image, image.width * scale, image.height * scale)
    x, y = (
        int(rng.integers(whole - part + 1))
        for whole, part in zip(canvas.size, small.size, strict=True)
    )
    canvas.paste(small, (x, y))
    return canvas


def _collage(image: Picture, other: Picture, rng: np.random.Generator) -> Picture:
    """Two photos of one height side by side, or of one width one over the other."""
    both = [image, other] if rng.random() < 0.5 else [other, image]
    if rng.random() < 0.5:
        both = [_resized(one, one.width * 480 / one.height, 480) for one in both]
        canvas = Image.new("RGB", (sum(one.width for one in both), 480))
        canvas.paste(both[0], (0, 0))
        canvas.paste(both[1], (both[0].width, 0))
        return canvas
    both = [_to_width(one, 480) for one in both]
    canvas = Image.new("RGB", (480, sum(one.height for one in both)))
    canvas.paste(both[0], (0, 0))
    canvas.paste(both[1], (0, both[0].height))
    return canvas


def _inset(image: Picture, others: Others, rng: np.random.Generator) -> Copies:
    return {
        "half width": _pasted(image, others[0], rng),
        "collage": _collage(image, others[0], rng),
    }


def _at_most_600(image: Picture, others: Others, rng: np.random.Generator) -> Picture:
    return _fitted(image, int(rng.integers(400, 601)))


def _window(shown: Picture, others: Others, rng: np.random.Generator) -> Copies:
    """An unscaled photo of 600 pixels at most on a page in a window of 1440 x 900."""
    page, ink, bar = (
        ((255, 255, 255), (40, 40, 40), (222, 225, 230)),
        ((32, 33, 36), (220, 220, 220), (53, 54, 58)),
        ((245, 245, 245), (60, 60, 60), (70, 90, 130)),
    )[rng.integers(3)]
    canvas = Image.new("RGB", (1440, 900), page)
    draw = ImageDraw.Draw(canvas)
    draw.rectangle((0, 0, 1440, 72), fill=bar)
    draw.text((90, 12), phrase(rng, 3), ink, font(18))
    draw.rounded_rectangle((120, 40, 1200, 66), 12, fill=page)
    draw.text((140, 44), f"https://{phrase(rng, 1)}.example/{rng.integers(10**6)}", ink, font(15))
    x = int(rng.integers(260, 1440 - shown.width - 20))
    y = int(rng.integers(100, 900 - shown.height - 20))
    for row in range(100, 880, 34):
        draw.text((24, row), phrase(rng, 2)[:22], ink, font(17))
    for row in range(100, 880, 27):
        for left, right in ((260, x - 20), (x + shown.width + 20, 1420)):
            text = phrase(rng, 12)
            while text and draw.textlength(text, font=font(16)) > right - left:
                text = text[:-1]
            draw.text((left, row), text, ink, font(16))
    canvas.paste(shown, (x, y))
    return {"copy": canvas}


# Odd shapes --------------------------------------------------------------------------------------


def _strip(image: Picture, others: Others, rng: np.random.Generator) -> Picture:
    """A strip of 800 x 12,000: the photo and painted landscapes, one below the other."""
    place = int(rng.integers(20))
    strip = Image.new("RGB", (800, 12_000))
    for i in range(20):
        seed = int(rng.integers(10_000, 10_000_000))
        panel = image if i == place else Image.fromarray(landscape(seed, 240, 180))
        strip.paste(ImageOps.fit(panel, (800, 600), Image.Resampling.BICUBIC), (0, 600 * i))
    return strip


def _parts_of_strip(strip: Picture, others: Others, rng: np.random.Generator) -> Copies:
    copies = {}
    for name, height in (("half", 6000), ("fifth", 2400)):
        top = int(rng.integers(12_000 - height + 1))
        copies[name] = strip.crop((0, top, 800, top + height))
    return copies


def _icon(image: Picture, others: Others, rng: np.random.Generator) -> Picture:
    """A small sign of its own on black; several stand at the same place."""
    canvas = Image.new("RGB", (1920, 1080))
    draw = ImageDraw.Draw(canvas)
    x, y = ((960, 540), (940, 320), (240, 820))[rng.integers(3)]
    size = int(rng.integers(40, 90))
    corners = int(rng.integers(3, 8))
    radii = rng.uniform(0.35, 1.0, corners) * size
    angles = 2 * np.pi * (np.arange(corners) + rng.random()) / corners
    points = [(x + r * np.cos(a), y + r * np.sin(a)) for r, a in zip(radii, angles, strict=True)]
    draw.polygon(points, fill=tuple(int(v) for v in rng.integers(120, 256, 3)))
    return canvas


def _smaller(image: Picture, rng: np.random.Generator) -> Picture:
    return _resized(image, 1280, 720)


# Hard edits --------------------------------------------------------------------------------------


def _edited(image: Picture, others: Others, rng: np.random.Generator) -> Copies:
    width, height = image.size
    lines = image.copy()
    draw = ImageDraw.Draw(lines)
    size = max(10, height // 12)
    for i in range(5):
        text = phrase(rng, 6)
        draw.text((width * 0.04, height * (0.08 + 0.18 * i)), text, "white", font(size),
                  stroke_width=max(1, size // 12), stroke_fill="black")  # fmt: skip
    logo = image.copy()
    draw = ImageDraw.Draw(logo)
    radius = 0.16 * min(image.size)
    middle = np.array([width, height]) / 2
    draw.rectangle((*(middle - radius), *(middle + radius)), fill="#d03020")
    draw.text(tuple(middle), phrase(rng, 1)[:1].upper(), "white", font(int(radius)), anchor="mm")
    hole = image.copy()
    side = (0.08 * width * height) ** 0.5
    x, y = rng.uniform(0, width - side), rng.uniform(0, height - side)
    ImageDraw.Draw(hole).rectangle((x, y, x + side, y + side), fill="black")
    return {
        "blend": Image.blend(image, others[0].resize(image.size), 0.35),
        "five lines": lines,
        "logo": logo,
        "cutout": hole,
    }


CHANGES: dict[str, Change] = {
    "protocol": Change(_protocol(480, 7 / 8), (0.975, 0.98)),
    "protocol, harder": Change(_protocol(224, 0.7), (0.96, 0.97)),
    "stretched": Change(_stretched, _ALL),
    "turned": Change(_one(_turned), (0.93, 0.95)),
    "perspective": Change(_perspectives, _NORMAL),
    "thumbnail": Change(_one(_thumbnail), _ALL),
    "degraded": Change(_degraded, (0.9, 0.97, 0.98)),
    "crop to 25 %": Change(_crops, (0.85, 0.9)),
    "crop to 12 %": Change(_one(_small_crop), (0.4, 0.6)),
    "inset": Change(_inset, (0.9, 0.95)),
    "window": Change(_window, _NORMAL, _at_most_600),
    "strip": Change(_parts_of_strip, (0.9, 0.9), _strip),
    "icon on black": Change(_one(_smaller), (0.9, 0.9), _icon),
    "112 pixels": Change(_small_changes, (0.6, 0.9), _square_112),
    "edited": Change(_edited, (0.8,)),
    "negative": Change(_one(lambda image, rng: ImageOps.invert(image)), (0.9,)),
}
"""Every row of the table, by the name that `--changes` takes."""
