"""Changes that make a near duplicate of a picture, as people and programs change files.

Every change is seeded and draws its strength from a narrow range, since no two people brighten a
picture alike. The geometry is that of `PIL.Image`, the encoders are Pillow's: for one seed and one
release of Pillow the files are the same, byte for byte.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageOps

from imgsim.pictures.change import Change, Step, combine
from imgsim.pictures.lettering import font, phrase
from imgsim.pictures.screenshot import screenshot


def _resized(width: float, height: float) -> Step:
    def step(image: Image.Image, rng: np.random.Generator) -> Image.Image:
        size = (max(1, round(image.width * width)), max(1, round(image.height * height)))
        return image.resize(size, Image.Resampling.LANCZOS)

    return step


def _thumbnail(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    small = image.copy()
    small.thumbnail((160, 160), Image.Resampling.LANCZOS)
    return small


def _narrower(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Multiply one side by 0.8, and keep the other."""
    return _resized(*((0.8, 1.0) if rng.random() < 0.5 else (1.0, 0.8)))(image, rng)


def _grey(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    return image.convert("L")


def _enhanced(
    kind: Callable[[Image.Image], ImageEnhance._Enhance], *ranges: tuple[float, float]
) -> Step:
    def step(image: Image.Image, rng: np.random.Generator) -> Image.Image:
        return kind(image).enhance(rng.uniform(*ranges[rng.integers(len(ranges))]))

    return step


def _tint(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Make it warmer, colder or greener: each channel times 0.8 to 1.2."""
    factors = rng.permutation(rng.uniform((0.8, 0.95, 1.1), (0.9, 1.05, 1.2)))
    pixels = np.asarray(image.convert("RGB"), dtype=np.float64) * factors
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def _blur(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    return image.filter(ImageFilter.GaussianBlur(rng.uniform(0.0015, 0.003) * max(image.size)))


def _noise(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    pixels = np.asarray(image.convert("RGB"), dtype=np.float64)
    noisy = pixels + rng.normal(0, rng.uniform(6, 14), pixels.shape)
    return Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))


def _caption(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Write over the picture: outlined, or on a bar across it; at the top or the bottom."""
    labelled = image.convert("RGB")
    draw = ImageDraw.Draw(labelled)
    size = max(8, round(image.height * rng.uniform(0.05, 0.09)))
    text = phrase(rng, int(rng.integers(2, 5)))
    while size > 8 and draw.textlength(text, font=font(size)) > 0.94 * image.width:
        size -= 1
    width = draw.textlength(text, font=font(size))
    x = rng.uniform(0.02 * image.width, max(0.03 * image.width, 0.98 * image.width - width))
    y = size // 2 if rng.random() < 0.4 else image.height - 2 * size
    if rng.random() < 0.4:
        ink, ground = ("white", "black") if rng.random() < 0.5 else ("black", "white")
        draw.rectangle((0, y - size // 4, image.width, y + round(1.4 * size)), fill=ground)
        draw.text((x, y), text, ink, font(size))
    else:
        draw.text((x, y), text, "white", font(size), stroke_width=max(1, size // 12),
                  stroke_fill="black")  # fmt: skip
    return labelled


def _border(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    return ImageOps.expand(
        image.convert("RGB"), round(rng.uniform(0.04, 0.12) * max(image.size)), "white"
    )


def _cropped(share: float) -> Step:
    """Cut off a share of the width and of the height, from any side."""

    def step(image: Image.Image, rng: np.random.Generator) -> Image.Image:
        width = max(1, round(image.width * (1 - share)))
        height = max(1, round(image.height * (1 - share)))
        x = int(rng.integers(image.width - width + 1))
        y = int(rng.integers(image.height - height + 1))
        return image.crop((x, y, x + width, y + height))

    return step


def _tilted(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Turn by 3 degrees; either cut to the upright part, or the corners filled."""
    angle = 3.0 * rng.choice((-1, 1))
    if rng.random() < 0.5:
        ground = (255, 255, 255) if rng.random() < 0.5 else (0, 0, 0)
        return image.convert("RGB").rotate(
            angle, Image.Resampling.BICUBIC, expand=rng.random() < 0.5, fillcolor=ground
        )
    turned = image.rotate(angle, Image.Resampling.BICUBIC)
    # The largest rectangle of the same shape that lies inside the turned one.
    sine, cosine = abs(np.sin(np.radians(angle))), abs(np.cos(np.radians(angle)))
    ratio = max(image.size) / min(image.size)
    keep = 1 / (cosine + ratio * sine)
    width, height = int(image.width * keep) - 2, int(image.height * keep) - 2
    x, y = (image.width - width) // 2, (image.height - height) // 2
    return turned.crop((x, y, x + max(1, width), y + max(1, height)))


def _perspective(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Show it from another side: corners move by up to 6 % of the sides, outwards or inwards."""
    width, height = image.size
    square = np.array([(0, 0), (width, 0), (width, height), (0, height)], dtype=np.float64)
    moved = rng.uniform(0.01, 0.06, (4, 2)) * (width, height)
    inwards = np.sign(np.array([width, height]) / 2 - square)
    shown = square + moved * inwards * rng.choice((-1, 1))
    ground = (255, 255, 255) if rng.random() < 0.5 else (0, 0, 0)
    return image.convert("RGB").transform(
        image.size, Image.Transform.PERSPECTIVE, homography(square, shown),
        Image.Resampling.BICUBIC, fillcolor=ground,
    )  # fmt: skip


def homography(
    source: np.ndarray[tuple[int, int], np.dtype[np.float64]],
    target: np.ndarray[tuple[int, int], np.dtype[np.float64]],
) -> tuple[float, ...]:
    """Compute the coefficients of `PIL.Image.Transform.PERSPECTIVE` that take points to points.

    Parameters
    ----------
    source, target : ndarray of float64, shape (4, 2)
        Corners in the picture that is made, and where in the given picture they come from, in
        pixels.

    Returns
    -------
    tuple of float
        Eight.
    """
    rows, right = [], []
    for (x, y), (u, v) in zip(source, target, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        right += [u, v]
    return tuple(float(c) for c in np.linalg.solve(np.array(rows), np.array(right)))


def _turned(*how: Image.Transpose) -> Step:
    def step(image: Image.Image, rng: np.random.Generator) -> Image.Image:
        return image.transpose(how[rng.integers(len(how))])

    return step


_T = Image.Transpose
CHANGES: tuple[Change, ...] = (
    Change("exact copy", exact=True),
    Change("JPEG 30", quality=(30, 30)),
    Change("JPEG 10", quality=(10, 10)),
    Change("half size", (_resized(0.5, 0.5),)),
    Change("thumbnail 160", (_thumbnail,)),
    Change("PNG", suffixes=(".png",)),
    Change("WebP", suffixes=(".webp",), quality=(70, 85)),
    Change("grey", (_grey,)),
    Change("brighter", (_enhanced(ImageEnhance.Brightness, (1.2, 1.45)),)),
    Change("darker", (_enhanced(ImageEnhance.Brightness, (0.55, 0.8)),)),
    Change("contrast", (_enhanced(ImageEnhance.Contrast, (0.6, 0.8), (1.25, 1.6)),)),
    Change("tint", (_tint,)),
    Change("blur", (_blur,)),
    Change("noise", (_noise,)),
    Change("caption", (_caption,)),
    Change("border", (_border,)),
    Change("crop 5 %", (_cropped(0.05),)),
    Change("crop 15 %", (_cropped(0.15),)),
    Change("crop 30 %", (_cropped(0.30),)),
    Change("aspect 0.8", (_narrower,)),
    Change("rotation 3°", (_tilted,)),
    Change("perspective", (_perspective,)),
    Change("rotation 90°", (_turned(_T.ROTATE_90, _T.ROTATE_270),)),
    Change("rotation 180°", (_turned(_T.ROTATE_180),)),
    Change("mirror", (_turned(_T.FLIP_LEFT_RIGHT),)),
    Change("turned by EXIF", by_exif=True),
    Change("screenshot", (screenshot,), (".png", ".jpg")),
)
"""An exact copy and 26 changes."""


_BY_NAME = {change.name: change for change in CHANGES}
COMBINATIONS: tuple[Change, ...] = tuple(
    combine(*(_BY_NAME[name] for name in names))
    for names in (
        ("crop 15 %", "JPEG 30", "caption"),
        ("crop 5 %", "JPEG 30"),
        ("screenshot", "half size"),
        ("screenshot", "JPEG 30"),
        ("mirror", "border"),
        ("mirror", "crop 15 %"),
        ("border", "caption"),
        ("grey", "half size", "JPEG 30"),
        ("rotation 3°", "brighter"),
        ("rotation 90°", "thumbnail 160"),
        ("rotation 180°", "tint", "noise"),
        ("aspect 0.8", "contrast"),
        ("perspective", "darker"),
        ("crop 5 %", "turned by EXIF"),
        ("blur", "half size", "WebP"),
        ("caption", "thumbnail 160"),
    )
)
"""Two and three changes, one after the other."""
