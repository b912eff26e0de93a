"""Screens with text: chats, code, spreadsheets, slides, maps with labels."""

from __future__ import annotations

import numpy as np

from imgsim.pictures.fonts import faces
from imgsim.pictures.lettering import WORDS, amount, phrase
from imgsim.pictures.sheet import Colour, Sheet, new_sheet, sentence
from imgsim.pictures.tokens import ANSWERS, Edit

_PHONES = (1080, 2340), (1080, 1920), (750, 1334), (640, 1136), (540, 1170)
_WINDOWS = (1920, 1080), (1366, 768), (1280, 800), (1024, 768), (800, 600)


def chat(rng: np.random.Generator, edit: Edit | None) -> Sheet:
    """Draw a chat on a telephone: a status bar, a title, one to twelve messages."""
    sheet = new_sheet(rng, _PHONES, (34, 48), edit)
    bar: Colour = tuple(int(c) for c in rng.integers(20, 140, 3))  # type: ignore[assignment]
    _fill_chat(sheet, bar, rng)
    return sheet


def app_screen(seed: int, number: int) -> Sheet:
    """Draw a screenshot of an app for messages: below its title the names of its pages and signs.

    Parameters
    ----------
    seed : int
        The telephone and the app: size, face, colours.
    number : int
        The text and the time.
    """
    rng = np.random.default_rng((seed, 55))
    sheet = new_sheet(rng, _PHONES, (34, 48), None)
    bar: Colour = tuple(int(c) for c in rng.integers(20, 140, 3))  # type: ignore[assignment]
    _fill_chat(sheet, bar, np.random.default_rng((seed, 56, number)))
    unit, white = sheet.size, (255, 255, 255)
    for place in range(3):
        x = (1 + 5 * place) * unit
        sheet.write((x, 4.6 * unit), phrase(rng, 1).upper()[:7], 0.6, ink=white)
    right, y = sheet.width - 1.5 * unit, 3.4 * unit
    for dot in (-0.5, 0, 0.5):
        box = (
            right - 0.1 * unit,
            y + (dot - 0.1) * unit,
            right + 0.1 * unit,
            y + (dot + 0.1) * unit,
        )
        sheet.draw.ellipse(box, fill=white)
    lens = (right - 2.3 * unit, y - 0.5 * unit, right - 1.5 * unit, y + 0.3 * unit)
    sheet.draw.ellipse(lens, outline=white, width=max(2, unit // 10))
    sheet.draw.line((right - 1.6 * unit, y + 0.2 * unit, right - 1.2 * unit, y + 0.6 * unit),
                    white, max(2, unit // 8))  # fmt: skip
    sheet.write((unit, sheet.height - 2.0 * unit), "Write a message", 0.8)
    return sheet


def _fill_chat(sheet: Sheet, bar: Colour, rng: np.random.Generator) -> None:
    unit, width = sheet.size, sheet.width
    white: Colour = (255, 255, 255)
    sheet.draw.rectangle((0, 0, width, 5.4 * unit), fill=bar)
    clock = f"{rng.integers(24):02}:{rng.integers(60):02}"
    sheet.write((unit, 0.6 * unit), clock, 0.9, ink=white)
    battery = f"{rng.integers(10, 100)}%"
    sheet.write((width - unit, 0.6 * unit), battery, 0.9, ink=white, anchor="ra")
    sheet.write((3.5 * unit, 2.9 * unit), phrase(rng, 1), 1.3, ink=white)
    y = 6.5 * unit
    for _ in range(rng.integers(1, 13)):
        text = str(rng.choice(ANSWERS)) if rng.random() < 0.15 else sentence(rng, 5)
        text = sheet.fitting(text, 0.7 * width)
        wide = sheet.length(text) + 2.6 * unit
        x = unit if rng.random() < 0.5 else width - unit - max(wide, 5 * unit)
        if y > sheet.height - 6 * unit:
            break
        box = (x, y, x + max(wide, 5 * unit), y + 2.7 * unit)
        sheet.draw.rounded_rectangle(box, unit // 2, fill=sheet.panel)
        sheet.write((x + 0.7 * unit, y + 0.4 * unit), text)
        hour = f"{rng.integers(24):02}:{rng.integers(60):02}"
        sheet.write((box[2] - 0.5 * unit, y + 1.75 * unit), hour, 0.6, anchor="ra")
        y += 3.3 * unit
    foot = sheet.height - 2.6 * unit
    sheet.draw.rounded_rectangle((unit / 2, foot, width - 4 * unit, foot + 2 * unit), unit,
                                 fill=sheet.panel)  # fmt: skip
    sheet.draw.ellipse((width - 3.2 * unit, foot, width - 1.2 * unit, foot + 2 * unit), fill=bar)


def code(rng: np.random.Generator, edit: Edit | None) -> Sheet:
    """Draw an editor with lines of a program."""
    sheet = new_sheet(rng, _WINDOWS, (13, 24), edit, dark=0.7)
    unit = sheet.size
    mono = next((face for face in faces() if "Mono" in face), "")
    inks: list[Colour] = [sheet.ink, (86, 156, 214), (206, 120, 90), (100, 150, 80)]
    sheet.draw.rectangle((0, 0, sheet.width, 2 * unit), fill=sheet.panel)
    sheet.write((unit, 0.4 * unit), f"{rng.choice(WORDS)}.py", face=mono)
    y, indent = 3 * unit, 0
    for number in range(1, 200):
        if y > sheet.height - 2 * unit:
            break
        sheet.draw.text((unit, y), str(number), (128, 128, 128))
        one, other = (str(rng.choice(WORDS)).lower() for _ in range(2))
        lines = (
            f"{one} = {other}[{rng.integers(100)}] + {rng.integers(1000)}",
            f"if {one} < {rng.integers(100)}: return {other}",
            f"for {one} in range({rng.integers(1, 64)}):",
            f"# {one} {other} {rng.choice(WORDS)}",
            f"{one}({other}, {rng.integers(10)}.{rng.integers(10)})",
            "",
        )
        line = int(rng.integers(len(lines)))
        sheet.write((4 * unit + 2 * indent * unit, y), lines[line],
                    ink=inks[int(rng.integers(len(inks)))], face=mono)  # fmt: skip
        indent = int(np.clip(indent + rng.integers(-1, 2), 0, 4))
        y += round(1.45 * unit)
    return sheet


def spreadsheet(rng: np.random.Generator, edit: Edit | None) -> Sheet:
    """Draw a table of names and figures."""
    sheet = new_sheet(rng, _WINDOWS, (13, 20), edit, dark=0.25)
    unit = sheet.size
    row, column = round(1.7 * unit), round(rng.integers(6, 10) * unit)
    sheet.draw.rectangle((0, 0, sheet.width, row), fill=sheet.panel)
    columns, rows = sheet.width // column, sheet.height // row
    grey: Colour = (150, 150, 150)
    for line in range(rows):
        sheet.draw.line((0, line * row, sheet.width, line * row), grey)
    filled = int(rng.integers(min(3, rows - 2), rows - 1))
    for number in range(columns):
        x = number * column
        sheet.draw.line((x, 0, x, sheet.height), grey)
        sheet.write((x + unit / 2, 0.2 * unit), phrase(rng, 1))
        for line in range(1, filled):
            y = line * row + 0.2 * unit
            if number == 0:
                sheet.write((x + unit / 2, y), phrase(rng, 1))
            elif rng.random() < 0.85:
                value = f"{amount(rng, 900) * rng.choice((1, -1)):.2f}"
                sheet.write((x + column - unit / 2, y), value, anchor="ra")
    return sheet


def slide(rng: np.random.Generator, edit: Edit | None) -> Sheet:
    """Draw a slide: a title, points, a chart of bars with their values."""
    sheet = new_sheet(rng, ((1920, 1080), (1280, 720), (1024, 768), (960, 540)), (20, 28), edit)
    unit = sheet.size
    accent: Colour = tuple(int(c) for c in rng.integers(40, 210, 3))  # type: ignore[assignment]
    sheet.draw.rectangle((0, 0, sheet.width, unit // 2), fill=accent)
    sheet.write((2 * unit, 2 * unit), phrase(rng, 3), 1.7)
    y = 6.0 * unit
    for _ in range(rng.integers(2, 7)):
        sheet.draw.ellipse((2 * unit, y + unit // 3, 2.5 * unit, y + 0.8 * unit), fill=accent)
        sheet.write((3.2 * unit, y), sheet.fitting(sentence(rng, 6), 0.42 * sheet.width))
        y += round(2.1 * unit)
    foot = sheet.height - 4 * unit
    for i in range(rng.integers(3, 7)):
        x = 0.55 * sheet.width + i * 3.2 * unit
        value = int(rng.integers(10, 100))
        top = foot - value / 100 * 0.6 * sheet.height
        sheet.draw.rectangle((x, top, x + 2 * unit, foot), fill=accent)
        sheet.write((x + unit, top - 1.2 * unit), f"{value}%", 0.8, anchor="ma")
        sheet.write((x + unit, foot + unit / 3), str(2010 + i), 0.8, anchor="ma")
    sheet.write((2 * unit, sheet.height - 2 * unit), sentence(rng, 3), 0.7)
    return sheet


def street_map(rng: np.random.Generator, edit: Edit | None) -> Sheet:
    """Draw a map: water, streets and blocks, with the names of places."""
    sheet = new_sheet(rng, ((1200, 900), (1080, 1350), (800, 800)), (16, 24), edit, dark=0.2)
    width, height = sheet.width, sheet.height
    for _ in range(rng.integers(8, 20)):
        left, top = int(rng.integers(0, width)), int(rng.integers(0, height))
        colour = tuple(int(c) for c in np.array(sheet.ground) + rng.integers(-30, 15, 3))
        wide, high = rng.integers(60, width // 3, 2).tolist()
        sheet.draw.rectangle((left, top, left + wide, top + high), fill=colour)
    river = [(x, height * (0.5 + 0.3 * np.sin(x / width * 4 + rng.uniform(0, 0.3))))
             for x in range(0, width + 60, 60)]  # fmt: skip
    sheet.draw.line(river, (150, 190, 220), int(rng.integers(20, 60)), joint="curve")
    for _ in range(rng.integers(8, 24)):
        ends = rng.uniform(-0.1, 1.1, 4) * (width, height, width, height)
        sheet.draw.line(tuple(ends), (245, 220, 140), int(rng.integers(3, 12)))
    for _ in range(rng.integers(6, 24)):
        x, y = rng.uniform(0.02, 0.8) * width, rng.uniform(0.03, 0.94) * height
        name = f"{phrase(rng, 1)} {rng.integers(1, 99)}"
        sheet.write((x, y), name, float(rng.uniform(0.7, 1.3)))
    return sheet
