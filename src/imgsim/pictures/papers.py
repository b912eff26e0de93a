"""Papers with text: invoices, receipts, forms, tickets, pages of books, sheet music, crosswords."""

from __future__ import annotations

import numpy as np

from imgsim.pictures.lettering import amount, phrase
from imgsim.pictures.sheet import Sheet, new_sheet, sentence
from imgsim.pictures.tokens import MONTHS, Edit

_A4 = (1240, 1754), (1654, 2339), (827, 1169), (620, 877)
_LETTERS = 15, 30


def _date(rng: np.random.Generator) -> str:
    return f"{rng.integers(1, 29)} {rng.choice(MONTHS)} 20{rng.integers(18, 27)}"


def invoice(rng: np.random.Generator, edit: Edit | None) -> Sheet:
    """Draw an invoice: sender, number, articles, sums."""
    sheet = new_sheet(rng, _A4, _LETTERS, edit, dark=0)
    unit, edge = sheet.size, sheet.width - 4 * sheet.size
    y = 4.0 * unit
    sheet.write((4 * unit, y), f"{phrase(rng, 2)} Ltd", 1.6)
    for line in (f"{phrase(rng, 1)} {rng.integers(1, 200)}", f"{rng.integers(10000, 99999)}"):
        y += 2 * unit
        sheet.write((4 * unit, y), line)
    y += 4 * unit
    sheet.write((4 * unit, y), f"Invoice {rng.integers(1000, 99999)}", 1.3)
    sheet.write((edge, y), _date(rng), anchor="ra")
    y += 3 * unit
    for _ in range(rng.integers(1, 14)):
        sheet.write((4 * unit, y), f"{rng.integers(1, 20)} x {phrase(rng, 2)}")
        sheet.write((edge, y), f"{amount(rng, 900):,.2f}", anchor="ra")
        y += round(1.7 * unit)
        if y > sheet.height - 14 * unit:
            break
    sheet.draw.line((4 * unit, y, edge, y), sheet.ink, max(1, unit // 12))
    for name in ("Net", "VAT 19 %", "Total"):
        y += round(1.8 * unit)
        sheet.write((0.55 * sheet.width, y), name)
        sheet.write((edge, y), f"{amount(rng, 3000):,.2f}", anchor="ra")
    sheet.write((4 * unit, sheet.height - 5 * unit), f"Please pay until {_date(rng)}", 0.8)
    return sheet


def till_receipt(rng: np.random.Generator, edit: Edit | None) -> Sheet:
    """Draw the receipt of a till."""
    sizes = (560, 1100), (420, 860), (800, 1500)
    sheet = new_sheet(rng, sizes, (36, 44), edit, dark=0)
    unit, edge = sheet.size, sheet.width - sheet.size
    y = 1.0 * unit
    sheet.write((sheet.width / 2, y), f"{phrase(rng, 1).upper()} MARKET", 1.4, anchor="ma")
    y += 2.4 * unit
    sheet.write((unit, y), f"{_date(rng)}")
    sheet.write((edge, y), f"{rng.integers(24):02}:{rng.integers(60):02}", anchor="ra")
    y += 2.2 * unit
    while y < sheet.height - 7 * unit and rng.random() < 0.92:
        sheet.write((unit, y), phrase(rng, 2))
        sheet.write((edge, y), f"{amount(rng, 60):.2f}", anchor="ra")
        y += 1.35 * unit
    sheet.draw.line((unit, y, edge, y), sheet.ink)
    for name, scale in (("TOTAL", 1.3), ("Cash", 1), ("Change", 1)):
        y += 1.5 * unit
        sheet.write((unit, y), name, scale)
        sheet.write((edge, y), f"{amount(rng, 90):.2f}", scale, anchor="ra")
    return sheet


def filled_form(rng: np.random.Generator, edit: Edit | None) -> Sheet:
    """Draw a form with fields that are filled in, and boxes to tick."""
    sheet = new_sheet(rng, _A4, _LETTERS, edit, dark=0)
    unit, width = sheet.size, sheet.width
    sheet.write((width / 2, 2 * unit), f"Application {phrase(rng, 2)}", 1.5, anchor="ma")
    y = 6.0 * unit
    for name in ("Name", "Street", "Town", "Born", "Telephone", "Reason")[: rng.integers(2, 7)]:
        sheet.draw.text((3 * unit, y), name, sheet.ink)
        sheet.draw.rectangle((3 * unit, y + unit, width - 3 * unit, y + 2.8 * unit), outline=90)
        text = _date(rng) if name == "Born" else sentence(rng, 3)
        sheet.write((3.5 * unit, y + 1.2 * unit), text)
        y += 4 * unit
    for _ in range(rng.integers(2, 9)):
        if y > sheet.height - 3 * unit:
            break
        box = (3 * unit, y, 4 * unit, y + unit)
        sheet.draw.rectangle(box, outline=sheet.ink)
        if sheet.mark(int(rng.integers(2)), 2):
            thick = max(1, unit // 10)
            sheet.draw.line(box, sheet.ink, thick)
            sheet.draw.line((box[0], box[3], box[2], box[1]), sheet.ink, thick)
        sheet.write((4.6 * unit, y - unit // 8), phrase(rng, 2))
        y += round(1.8 * unit)
    return sheet


def ticket(rng: np.random.Generator, edit: Edit | None) -> Sheet:
    """Draw a ticket or a boarding pass: names of fields, large values, a code of squares."""
    sheet = new_sheet(rng, ((1200, 560), (900, 420), (1080, 1600)), (22, 32), edit, dark=0.2)
    unit, width = sheet.size, sheet.width
    sheet.draw.rectangle((0, 0, width, 2.6 * unit), fill=sheet.panel)
    sheet.write((unit, 0.6 * unit), phrase(rng, 2), 1.2)
    fields = (
        ("From", phrase(rng, 1)), ("To", phrase(rng, 1)), ("Date", _date(rng)),
        ("Gate", f"{rng.choice(list('ABCD'))}{rng.integers(1, 60)}"),
        ("Seat", f"{rng.integers(1, 40)}{rng.choice(list('ABCDEF'))}"),
        ("Boarding", f"{rng.integers(24):02}:{rng.integers(60):02}"),
        ("Price", f"{amount(rng, 400):.2f}"), ("Number", str(rng.integers(10**6, 10**7))),
    )  # fmt: skip
    for i, (name, value) in enumerate(fields):
        x, y = unit + i % 2 * 0.36 * width, (3.5 + i // 2 * 3.4) * unit
        sheet.draw.text((x, y), name, (130, 130, 130))
        sheet.write((x, y + unit), value, 1.3)
    cell = max(2, round(0.22 * width / 25))
    left, top = 0.74 * width, 3.5 * unit
    for row, column in np.argwhere(rng.random((25, 25)) < 0.5):
        x, y = left + column * cell, top + row * cell
        sheet.draw.rectangle((x, y, x + cell - 1, y + cell - 1), fill=sheet.ink)
    return sheet


def book_page(rng: np.random.Generator, edit: Edit | None) -> Sheet:
    """Draw a page of a book."""
    sheet = new_sheet(rng, _A4, (18, 34), edit, dark=0.1)
    unit = sheet.size
    sheet.write((sheet.width / 2, 2 * unit), str(rng.integers(1, 500)), anchor="ma")
    y = 5 * unit
    while y < sheet.height - 5 * unit:
        full = rng.random() > 0.08
        line = sheet.fitting(sentence(rng, 30), sheet.width - 8 * unit)
        sheet.write((4 * unit, y), line if full else " ".join(line.split(" ")[:3]))
        y += round(1.45 * unit)
    return sheet


def sheet_music(rng: np.random.Generator, edit: Edit | None) -> Sheet:
    """Draw staves with notes; every note is a token."""
    sheet = new_sheet(rng, _A4, (18, 30), edit, dark=0)
    gap = max(6, round(0.55 * sheet.size))
    sheet.write((sheet.width / 2, 2 * gap), phrase(rng, 3), 1.4, anchor="ma")
    thin = max(1, gap // 8)
    for top in range(12 * gap, sheet.height - 10 * gap, 12 * gap):
        for line in range(5):
            y = top + line * gap
            sheet.draw.line((4 * gap, y, sheet.width - 4 * gap, y), sheet.ink, thin)
        for x in range(8 * gap, sheet.width - 5 * gap, 3 * gap):
            if rng.random() < 0.2:
                sheet.draw.line((x, top, x, top + 4 * gap), sheet.ink, thin)
                continue
            mid = top + sheet.mark(int(rng.integers(9)), 9) * gap / 2
            sheet.draw.ellipse((x - 0.6 * gap, mid - 0.45 * gap, x + 0.6 * gap, mid + 0.45 * gap),
                               fill=sheet.ink)  # fmt: skip
            sheet.draw.line((x + 0.6 * gap, mid, x + 0.6 * gap, mid - 3 * gap), sheet.ink, thin)
    return sheet


def crossword(rng: np.random.Generator, edit: Edit | None) -> Sheet:
    """Draw a crossword that is filled in; every letter is a token."""
    sheet = new_sheet(rng, ((900, 900), (600, 600), (1240, 1240)), (26, 40), edit, dark=0)
    cell = round(1.6 * sheet.size)
    count = min(sheet.width // cell, sheet.height // cell) - 1
    margin = (sheet.width - count * cell) // 2
    for row, column in np.ndindex(count, count):
        x, y = margin + column * cell, margin + row * cell
        black = rng.random() < 0.2
        box = (x, y, x + cell, y + cell)
        sheet.draw.rectangle(box, fill=sheet.ink if black else None, outline=sheet.ink)
        letter = int(rng.integers(26))
        if not black and rng.random() < 0.8:
            value = chr(ord("A") + sheet.mark(letter, 26))
            sheet.write((x + cell / 2, y + cell / 2), value, 0.9, anchor="mm")
    return sheet
