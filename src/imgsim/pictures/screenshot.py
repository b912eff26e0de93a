"""A picture in the window of a viewer, as a screenshot shows it."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from imgsim.pictures.lettering import font, phrase

_THEMES = (  # desk, window, bar, print
    ((58, 110, 165), (255, 255, 255), (225, 225, 228), (40, 40, 40)),
    ((24, 26, 32), (37, 37, 38), (60, 60, 62), (210, 210, 210)),
    ((200, 205, 210), (246, 246, 246), (70, 90, 130), (30, 30, 30)),
)


def screenshot(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Show an image in a window with a title, menus and a side panel, on a desktop.

    Parameters
    ----------
    image : Image
        RGB.
    rng : Generator
        Chooses the colours, the scale of the image (0.6 to 1), its place, and the texts.

    Returns
    -------
    Image
        RGB. The image covers about a third to four fifths of it.
    """
    desk, window, bar, ink = _THEMES[rng.integers(len(_THEMES))]
    scale = rng.uniform(0.6, 1.0)
    shown = image.resize(
        (max(8, round(image.width * scale)), max(8, round(image.height * scale))),
        Image.Resampling.LANCZOS,
    )
    unit = max(10, round(0.035 * max(shown.size)))  # height of a line of print
    left, right = rng.uniform(0.02, 0.25, 2) * shown.width
    above, below = 2 * unit + rng.uniform(0.2, 2) * unit, rng.uniform(0.5, 2.5) * unit
    inner = (round(shown.width + left + right), round(shown.height + above + below + 2 * unit))
    margin = rng.integers(0, 2 * unit, 4)
    canvas = Image.new("RGB", (inner[0] + margin[0] + margin[2], inner[1] + margin[1] + margin[3]))
    canvas.paste(desk, (0, 0, *canvas.size))
    x, y = int(margin[0]), int(margin[1])
    draw = ImageDraw.Draw(canvas)
    draw.rectangle((x, y, x + inner[0], y + inner[1]), fill=window)
    _title_and_menus(draw, (x, y), inner[0], unit, (bar, ink), rng)
    place = (round(x + left), round(y + above + 1.5 * unit))
    _side_panel(draw, (x, y + 4 * unit), (place[0] - unit // 2, y + inner[1]), unit, ink, rng)
    canvas.paste(shown, place)
    status = f"{image.width} x {image.height}   {rng.integers(40, 100)} %"
    foot = place[1] + shown.height
    if y + inner[1] - foot > unit:
        draw.text((x + unit // 2, y + inner[1] - unit), status, ink, font(int(unit * 0.7)))
    return canvas


def _title_and_menus(
    draw: ImageDraw.ImageDraw,
    corner: tuple[int, int],
    width: int,
    unit: int,
    colours: tuple[tuple[int, int, int], tuple[int, int, int]],
    rng: np.random.Generator,
) -> None:
    """Draw the title bar with its buttons, and the line of menus."""
    x, y = corner
    bar, ink = colours
    draw.rectangle((x, y, x + width, y + round(1.6 * unit)), fill=bar)
    title = f"{phrase(rng, 2)} {rng.integers(1, 999)}"
    draw.text((x + 3 * unit, y + unit // 4), title, ink, font(unit))
    for button, colour in enumerate(("#ff5f57", "#febc2e", "#28c840")):
        middle = x + width - (button + 1) * round(1.3 * unit)
        draw.ellipse(
            (middle, y + unit // 2, middle + round(0.7 * unit), y + round(1.2 * unit)), fill=colour
        )
    menus = "   ".join(phrase(rng, 1) for _ in range(rng.integers(2, 6)))
    draw.text((x + unit // 2, y + round(1.8 * unit)), menus, ink, font(int(0.8 * unit)))


def _side_panel(
    draw: ImageDraw.ImageDraw,
    corner: tuple[int, int],
    end: tuple[int, int],
    unit: int,
    ink: tuple[int, int, int],
    rng: np.random.Generator,
) -> None:
    """Draw lines of print beside the image, as many as there is room for."""
    if end[0] - corner[0] < 3 * unit:
        return
    letters = font(int(0.8 * unit))
    for line in range(corner[1], end[1] - 2 * unit, round(1.5 * unit)):
        text = phrase(rng, 2)
        while text and draw.textlength(text, font=letters) > end[0] - corner[0] - unit:
            text = text[:-1]
        if rng.random() < 0.7:
            draw.text((corner[0] + unit // 2, line), text, ink, letters)
