"""10,000 groups: the list holds as many rows as can be seen."""

from __future__ import annotations

import io
import random
from typing import Any

from PIL import Image

from imgsim.pictures.generate import landscape
from tests.review.page.conftest import FAKE, Answered, OpenTab, state_document

GROUPS = 10_000
MOST_NODES = 2_000
MOST_HEAP = 300_000_000


def _entry(number: int, rng: random.Random) -> dict[str, Any]:
    gain = rng.randrange(10_000_000)
    return {
        "id": f"1-{number}", "kept": f"f{number}", "title": f"IMG_{number:05}.jpg",
        "text": f"img_{number:05}.jpg copy of {number}.jpg", "count": 2, "gain": str(gain),
        "bytes": str(gain), "removable": 1, "roles": [rng.choice(["exact", "smaller", "edited"])],
        "folders": [number % 3000], "answer": None, "pending": False, "applied": False,
        "changed": False, "date": "2024-05-01T10:00:00", "distance": rng.random(),
    }  # fmt: skip


def _details(group: str) -> dict[str, Any]:
    number = group.removeprefix("1-")
    file = {
        "folder": "photos", "path": "photos/a.jpg", "bytes": "2000000", "width": 4000,
        "height": 3000, "format": "JPEG", "date": None, "camera": None, "role": None,
        "role_text": "kept", "evidence": [], "changes": [], "removable": False, "why_not": "",
        "lost_metadata": [], "decided": None, "changed": False, "aligned": True, "matrix": None,
    }  # fmt: skip
    other = {**file, "id": f"g{number}", "name": "copy.jpg", "role": "exact", "removable": True}
    kept = {**file, "id": f"f{number}", "name": f"IMG_{int(number):05}.jpg"}
    return {
        "id": group, "answer": None, "kept": f"f{number}", "kept_because": "largest",
        "files": [kept, other], "related": [],
    }  # fmt: skip


def test_the_list_stays_small_and_finds_its_groups(open_tab: OpenTab) -> None:
    rng = random.Random(4)
    stream = io.BytesIO()
    Image.fromarray(landscape(1, 160, 120)).save(stream, "JPEG")
    answered = Answered(
        state_document(groups=GROUPS),
        [_entry(number, rng) for number in range(GROUPS)],
        _details,
        tuple(f"photos/{number}" for number in range(3000)),
        stream.getvalue(),
    )
    tab = open_tab(f"{FAKE}/", size=(2560, 1440), prepare=answered.serve).ready()
    page = tab.page
    nodes = "document.getElementsByTagName('*').length"
    most = 0
    for _ in range(12):
        page.evaluate("document.querySelector('.rows').scrollTop += 61000")
        page.wait_for_timeout(20)
        most = max(most, page.evaluate(nodes))
    assert most <= MOST_NODES
    assert page.evaluate("performance.memory.usedJSHeapSize") <= MOST_HEAP

    page.locator(".rows").focus()
    tab.press("End")
    tab.until("() => document.querySelector('.row.is-selected')?.ariaPosInSet === '10000'")
    gains = page.evaluate("document.querySelector('.row.is-selected .row-facts').textContent")
    assert "kB" in gains or " B" in gains  # the least gain comes last
    tab.press("Home", "ArrowDown", "j")
    tab.until("() => document.querySelector('.row.is-selected')?.ariaPosInSet === '3'")
    page.get_by_label("Search names").fill("img_04711")
    tab.until("() => document.querySelectorAll('.row').length === 1")
    assert tab.title == "IMG_04711.jpg"
    tab.press("Escape")
    page.get_by_label("Search names").fill("")
    page.get_by_label("Folder").fill("photos/2999")
    tab.until_text(".shown-count", "3 of 10,000 groups")
    tab.button("show all").click()
    tab.until_text(".shown-count", "10,000 groups")
    assert page.evaluate(nodes) <= MOST_NODES
