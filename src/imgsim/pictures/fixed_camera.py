"""Frames of a fixed camera over a process that returns to the same states, split at random.

The industrial case of a leak: frames are split by chance, so the state of nearly every validation
frame stands in the training data too, and keeping whole runs together would not help.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgsim.folders import new_folder

WIDTH, HEIGHT = 480, 360

_TRAINING = 0.75  # of the frames
_PARTS = ((196, 64, 40), (52, 110, 168), (226, 178, 52))


@dataclass(frozen=True, slots=True)
class State:
    """A state of the process: positions and a level in 0..1, and the parts on the pallet."""

    arm: float
    lift: float
    belt: float
    level: float
    stacked: int


@dataclass(frozen=True, slots=True)
class CameraFrames:
    """The frames that `write_camera_frames` wrote.

    Attributes
    ----------
    files : int
    states : dict of str to int
        The state that each file shows, by its name below the folder, with ``/``. A state that was
        seen once, a disturbance, has a number of its own.
    """

    files: int
    states: dict[str, int]


def cycle(n: int, seed: int = 0) -> list[State]:
    """Return the states of a cycle: parts come on the belt, the arm puts them on the pallet."""
    rng = np.random.default_rng(seed)
    states = []
    for i in range(n):
        phase = i / n
        states.append(
            State(
                arm=0.5 - 0.5 * math.cos(2 * math.pi * phase * 3) + rng.uniform(-0.04, 0.04),
                lift=0.5 - 0.5 * math.cos(2 * math.pi * phase * 5 + 1),
                belt=(phase * 4 + 0.3) % 1,
                level=1 - phase,
                stacked=int(phase * 7),
            )
        )
    return states


def frame(state: State, seed: int, hall: int = 0) -> NDArray[np.uint8]:
    """Photograph a state: the same hall, another moment's light, noise and shake.

    Parameters
    ----------
    state : State
    seed : int
        Of the moment.
    hall : int
        Another seed gives another hall.

    Returns
    -------
    ndarray of uint8, shape (HEIGHT, WIDTH, 3)
    """
    from PIL import Image, ImageDraw

    rng = np.random.default_rng(seed)
    image = Image.fromarray(_hall(hall))
    draw = ImageDraw.Draw(image)
    _tank(draw, state.level)
    _belt(draw, state.belt)
    _pallet(draw, state.stacked)
    _arm(draw, state.arm, state.lift)
    pixels = np.asarray(image, dtype=np.float64)
    shake = rng.integers(-1, 2, 2)
    pixels = np.roll(pixels, shake, (0, 1)) * rng.uniform(0.94, 1.06) + rng.uniform(-4, 4)
    pixels += rng.normal(0, 4, pixels.shape)
    return np.clip(pixels, 0, 255).astype(np.uint8)


def _hall(seed: int) -> NDArray[np.uint8]:
    """Draw the empty hall."""
    from PIL import Image, ImageDraw

    rng = np.random.default_rng(seed)
    image = Image.new("RGB", (WIDTH, HEIGHT), (150, 156, 160))
    draw = ImageDraw.Draw(image)
    for left in range(0, WIDTH, 60):
        shade = int(rng.integers(128, 176))
        draw.rectangle((left, 0, left + 58, 230), (shade, shade + 4, shade + 8))
    draw.rectangle((0, 230, WIDTH, HEIGHT), (92, 90, 86))
    for _ in range(40):
        x, y = int(rng.integers(0, WIDTH)), int(rng.integers(232, HEIGHT))
        draw.ellipse((x, y, x + int(rng.integers(4, 40)), y + 4), (84, 82, 80))
    draw.polygon([(0, 330), (WIDTH, 318), (WIDTH, 326), (0, 338)], (206, 176, 40))
    return np.asarray(image)


def _tank(draw: Any, level: float) -> None:
    draw.rectangle((16, 40, 106, 220), (214, 218, 222), (60, 64, 70), 3)
    top = 214 - 168 * min(1.0, max(0.0, level))
    draw.rectangle((20, top, 102, 216), (38, 92, 120))


def _belt(draw: Any, shift: float) -> None:
    draw.rectangle((120, 262, WIDTH, 300), (40, 40, 44))
    for i in range(-1, 3):
        left = 120 + (i + shift) * 150
        draw.rectangle((max(120, left), 206, max(120, left + 70), 262), _PARTS[i % len(_PARTS)])


def _pallet(draw: Any, parts: int) -> None:
    draw.rectangle((372, 236, 470, 248), (150, 112, 62))
    for i in range(parts):
        left, top = 376 + 46 * (i % 2), 206 - 32 * (i // 2)
        draw.rectangle((left, top, left + 42, top + 28), _PARTS[i % len(_PARTS)], (30, 30, 30))


def _arm(draw: Any, turn: float, lift: float) -> None:
    angle = math.radians(200 + 140 * turn)
    elbow = (250 + 92 * math.cos(angle), 190 + 92 * math.sin(angle) * (0.5 + lift))
    hand = (elbow[0] + 70 * math.cos(angle + 1.2), elbow[1] + 40 + 50 * lift)
    draw.rectangle((226, 170, 274, 262), (70, 72, 76))
    draw.line(((250, 190), elbow), (232, 120, 30), 30)
    draw.line((elbow, hand), (232, 120, 30), 22)
    for x, y in ((250, 190), elbow, hand):
        draw.ellipse((x - 18, y - 18, x + 18, y + 18), (50, 52, 56))


def _disturbance(draw: Any, rng: np.random.Generator) -> None:
    """Draw something that happens once: a box in the way, and a person or a cart before it."""
    x, y = rng.integers(100, 300, 2)
    draw.rectangle((x, y - 60, x + 150, y + 90), tuple(int(c) for c in rng.integers(30, 230, 3)))
    x = int(rng.integers(20, 380))
    draw.ellipse((x, 60, x + 60, 120), (214, 168, 140))
    draw.rectangle((x - 20, 118, x + 80, 330), tuple(int(c) for c in rng.integers(30, 230, 3)))


ROUNDS, STATES = 3, 9
"""Of the frames of `write_rounds`."""

_BRIGHTER = 40  # levels of 255
_OTHER = 5  # the state of the picture that is no version of the first


def write_rounds(folder: Path, seed: int = 0) -> list[Path]:
    """Write 27 frames of three rounds of a process, and three pictures to compare.

    ``frames/frame_01.jpg`` … are in the order of time: frames 1, 10 and 19 show one state.
    ``light/frame.png`` is a frame, ``light/brighter.png`` the same 40 levels brighter, and
    ``light/other.png`` another moment in the light of the first.

    Parameters
    ----------
    folder : Path
        Made if it does not exist; it must be empty.
    seed : int

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    UsageError
        The folder is not empty or cannot be written.
    """
    from PIL import Image

    states = cycle(STATES, seed)
    written = []
    with new_folder(folder):
        for part in ("frames", "light"):
            (folder / part).mkdir()
        for number in range(ROUNDS * STATES):
            image = frame(states[number % STATES], seed + 1 + number, seed)
            written.append(folder / "frames" / f"frame_{number + 1:02}.jpg")
            Image.fromarray(image).save(written[-1], quality=88)
        first, other = (frame(states[i], seed, seed) for i in (0, _OTHER))
        brighter = np.minimum(first.astype(int) + _BRIGHTER, 255).astype(np.uint8)
        for name, image in (("frame", first), ("brighter", brighter), ("other", other)):
            written.append(folder / "light" / f"{name}.png")
            Image.fromarray(image).save(written[-1])
    return written


def write_camera_frames(
    folder: Path, seed: int = 0, *, runs: int = 6, states: int = 16, disturbances: int = 8
) -> CameraFrames:
    """Write ``train`` and ``valid``: frames of several runs of the process, split at random.

    Files are named ``run03_frame_007.jpg``.

    Parameters
    ----------
    folder : Path
        Made if it does not exist; it must be empty.
    seed : int
    runs, states : int
        Frames of one run are the states of a cycle.
    disturbances : int
        Frames in which something happens that never happens again.

    Raises
    ------
    UsageError
        The folder is not empty or cannot be written.
    """
    from PIL import Image, ImageDraw

    rng = np.random.default_rng(seed)
    shown: dict[str, int] = {}
    where = [(run, number) for run in range(runs) for number in range(states)]
    disturbed = set(map(int, rng.choice(len(where), min(disturbances, len(where)), replace=False)))
    with new_folder(folder):
        for part in ("train", "valid"):
            (folder / part).mkdir()
        for place, (run, number) in enumerate(where):
            image = Image.fromarray(frame(cycle(states, seed)[number], seed + 1 + place, seed))
            if place in disturbed:
                _disturbance(ImageDraw.Draw(image), rng)
            part = "train" if rng.random() < _TRAINING else "valid"
            name = f"{part}/run{run + 1:02}_frame_{number + 1:03}.jpg"
            image.save(folder / name, quality=88)
            shown[name] = states + place if place in disturbed else number
    return CameraFrames(len(shown), shown)
