"""Draws losses, pair scores and reconstructions of a training run, and activations of a layer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from imgsim.pictures.heat import heat
from imgsim.pictures.png import write_png
from imgsim.pictures.ticks import round_logarithmic_ticks, round_ticks
from imgsim.training.loop import Epoch
from imgsim.training.pairs import PairFigures

_TRAIN, _HELD_OUT = (42, 125, 225), (214, 93, 14)
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 610, 40, 320
"""The frame of the losses, in pixels."""
_SAME, _DIFFERENT = (0, 130, 90), (200, 60, 60)
_CHANNELS = 16
"""Of a layer, that are drawn at most."""
_SIDE = 128
_GAP = 6


@dataclass(frozen=True, slots=True)
class _LossAxes:
    """The axes of a drawing of losses.

    Attributes
    ----------
    low, high : float
        Losses at the lower and the upper edge.
    logarithmic : bool
    epochs : int
    """

    low: float
    high: float
    logarithmic: bool
    epochs: int

    @classmethod
    def around(cls, history: Sequence[Epoch]) -> Self:
        """Leave some room around all losses; a logarithmic axis where they differ tenfold."""
        losses = [value for epoch in history for value in (epoch.train, epoch.held_out)]
        low, high = min(losses), max(losses)
        logarithmic = low > 0 and high / low > 10
        if high == low:
            low, high = low - 0.5, high + 0.5
        margin = 0.06 * (high - low)
        low, high = (low / 1.1, high * 1.1) if logarithmic else (low - margin, high + margin)
        return cls(low, high, logarithmic, len(history))

    def x(self, number: int) -> float:
        """Return the pixels from the left to an epoch."""
        return _LEFT + (number - 1) / max(1, self.epochs - 1) * (_RIGHT - _LEFT)

    def y(self, loss: float) -> float:
        """Return the pixels from the top to a loss."""
        if self.logarithmic:
            share = math.log(loss / self.low) / math.log(self.high / self.low)
        else:
            share = (loss - self.low) / (self.high - self.low)
        return _BOTTOM - share * (_BOTTOM - _TOP)

    def ticks(self) -> list[float]:
        """Return round losses between the edges."""
        ticks = round_logarithmic_ticks if self.logarithmic else round_ticks
        return ticks(self.low, self.high)


def draw_losses(history: Sequence[Epoch], title: str, target: Path) -> None:
    """Draw the losses of the epochs as a PNG, the best epoch marked.

    The axis of the losses is logarithmic where they differ tenfold.

    Raises
    ------
    UsageError
        The file cannot be written.
    """
    from PIL import Image, ImageDraw, ImageFont

    picture = Image.new("RGB", (640, 370), "white")
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(13)
    axes = _LossAxes.around(history)
    _draw_axes(draw, font, axes)
    draw.text((_LEFT, 12), title, "black", font)
    name_end = _RIGHT
    for name, colour, values in (
        ("held out", _HELD_OUT, [e.held_out for e in history]),
        ("training", _TRAIN, [e.train for e in history]),
    ):
        draw.text((name_end, 12), name, colour, font, anchor="ra")
        name_end -= 80
        points = [
            (axes.x(e.number), axes.y(value)) for e, value in zip(history, values, strict=True)
        ]
        if len(points) > 1:
            draw.line(points, colour, 2, joint="curve")
        for a, b in points:
            draw.ellipse((a - 2.5, b - 2.5, a + 2.5, b + 2.5), colour)
    best = [epoch for epoch in history if epoch.best]
    if best:
        a, b = axes.x(best[-1].number), axes.y(best[-1].held_out)
        draw.ellipse((a - 6, b - 6, a + 6, b + 6), outline=_HELD_OUT, width=2)
    write_png(picture, target, optimize=True)


def _draw_axes(draw: Any, font: Any, axes: _LossAxes) -> None:
    """Draw the frame, a grid of losses, and the numbers of losses and epochs."""
    for loss in axes.ticks():
        draw.line((_LEFT, axes.y(loss), _RIGHT, axes.y(loss)), (230, 230, 230))
        draw.text((_LEFT - 8, axes.y(loss)), f"{loss:.6g}", "black", font, anchor="rm")
    scale = "loss (logarithmic scale)" if axes.logarithmic else "loss"
    draw.text((_LEFT, _BOTTOM + 28), scale, "dimgray", font)
    step = max(1, math.ceil(axes.epochs / 10))
    for number in range(1, axes.epochs + 1, step):
        draw.text((axes.x(number), _BOTTOM + 8), str(number), "black", font, anchor="mt")
    draw.rectangle((_LEFT, _TOP, _RIGHT, _BOTTOM), outline=(160, 160, 160))
    draw.text(((_LEFT + _RIGHT) / 2, _BOTTOM + 28), "epoch", "black", font, anchor="mt")


def draw_pair_scores(
    panels: Sequence[tuple[str, NDArray[np.float64], PairFigures]],
    same: NDArray[np.bool_],
    target: Path,
) -> None:
    """Draw histograms of the scores of pairs, a panel per kind of score, as a PNG.

    Parameters
    ----------
    panels : sequence of (str, ndarray of float64, PairFigures)
        Title, scores of shape (n,), and what was measured with them.
    same : ndarray of bool, shape (n,)
        Whether a pair is of one class.
    target : Path

    Raises
    ------
    UsageError
        The file cannot be written.
    """
    from PIL import Image, ImageDraw, ImageFont

    width, left, top, bottom = 400, 20, 64, 250
    picture = Image.new("RGB", (len(panels) * width, 290), "white")
    draw = ImageDraw.Draw(picture, "RGBA")
    font = ImageFont.load_default(13)
    for place, (title, scores, figures) in enumerate(panels):
        start, stop = place * width + left, (place + 1) * width - left
        low, high = min(0.0, float(scores.min())), max(1.0, float(scores.max()))
        draw.text((start, 8), title, "black", font)
        summary = f"accuracy {figures.accuracy:.3f}, AUC {figures.auc:.3f}"
        draw.text((start, 26), summary, "dimgray", font)
        edges = np.linspace(low, high, 41)
        for colour, chosen in ((_DIFFERENT, ~same), (_SAME, same)):
            counts = np.histogram(scores[chosen], edges)[0]
            heights = counts / max(1, counts.max()) * (bottom - top)
            step = (stop - start) / len(heights)
            for i, height in enumerate(heights.tolist()):
                if height > 0:
                    box = (start + i * step, bottom - height, start + (i + 1) * step - 1, bottom)
                    draw.rectangle(box, (*colour, 140))
        at = start + (stop - start) * (figures.threshold - low) / (high - low)
        draw.line((at, top - 6, at, bottom), "black")
        draw.line((start, bottom, stop, bottom), (160, 160, 160))
        for value, anchor in ((low, "la"), (high, "ra")):
            x = start if anchor == "la" else stop
            draw.text((x, bottom + 6), f"{value:.2g}", "black", font, anchor=anchor)
        draw.text((at, bottom + 6), f"{figures.threshold:.2f}", "black", font, anchor="ma")
    draw.text((left, 44), "one class", _SAME, font)
    draw.text((left + 80, 44), "two classes", _DIFFERENT, font)
    write_png(picture, target, optimize=True)


def draw_reconstructions(
    originals: NDArray[np.uint8], reconstructed: NDArray[np.uint8], target: Path
) -> None:
    """Draw images above their reconstructions, as a PNG.

    Parameters
    ----------
    originals, reconstructed : ndarray of uint8, shape (n, side, side, 3)
    target : Path

    Raises
    ------
    UsageError
        The file cannot be written.
    """
    from PIL import Image

    width = len(originals) * (_SIDE + _GAP) + _GAP
    sheet = Image.new("RGB", (width, 2 * (_SIDE + _GAP) + _GAP), "white")
    for row, images in enumerate((originals, reconstructed)):
        for column, image in enumerate(images):
            picture = Image.fromarray(image).resize((_SIDE, _SIDE), Image.Resampling.LANCZOS)
            sheet.paste(picture, (_GAP + column * (_SIDE + _GAP), _GAP + row * (_SIDE + _GAP)))
    write_png(sheet, target, optimize=True)


def draw_activation_maps(
    image: NDArray[np.uint8], activations: NDArray[np.float32], title: str, target: Path
) -> None:
    """Draw an image and the channels of a layer that vary most over it, as a PNG.

    Parameters
    ----------
    image : ndarray of uint8, shape (side, side, 3)
    activations : ndarray of float32, shape (channels, height, width)
    title : str
    target : Path

    Raises
    ------
    UsageError
        The file cannot be written.
    """
    from PIL import Image, ImageDraw, ImageFont

    order = np.argsort(-activations.std(axis=(1, 2)), kind="stable")[:_CHANNELS]
    shown: list[tuple[int | None, Any]] = [(None, Image.fromarray(image))]
    for channel in order:
        values = activations[channel].astype(np.float64)
        extent = float(np.ptp(values))
        share = (values - values.min()) / extent if extent > 0 else np.zeros_like(values)
        shown.append((int(channel), Image.fromarray(heat(share))))
    columns = min(6, len(shown))
    rows = math.ceil(len(shown) / columns)
    cell = _SIDE + 18
    sheet = Image.new("RGB", (columns * (_SIDE + _GAP) + _GAP, 28 + rows * (cell + _GAP)), "white")
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(13)
    draw.text((_GAP, 6), title, "black", font)
    for place, (number, picture) in enumerate(shown):
        x = _GAP + place % columns * (_SIDE + _GAP)
        y = 28 + place // columns * (cell + _GAP)
        kind = Image.Resampling.LANCZOS if number is None else Image.Resampling.NEAREST
        sheet.paste(picture.resize((_SIDE, _SIDE), kind), (x, y))
        text = "image" if number is None else f"channel {number}"
        draw.text((x, y + _SIDE + 2), text, "dimgray", font)
    write_png(sheet, target, optimize=True)
