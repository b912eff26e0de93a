"""What a person sees before an answer counts, and where the focus is after it."""

from __future__ import annotations

import io
import random
from typing import Any

from PIL import Image

from imgsim.pictures.generate import landscape
from tests.review.page.conftest import FAKE, Answered, OpenTab, state_document
from tests.review.page.test_browser_many import _details, _entry


def test_an_accept_waits_for_the_pictures_and_the_focus_stays(open_tab: OpenTab) -> None:
    rng = random.Random(4)
    stream = io.BytesIO()
    Image.fromarray(landscape(1, 160, 120)).save(stream, "JPEG")
    old = {**_entry(0, rng), "id": "0-1"}
    rows = [_entry(number, rng) for number in (1, 2)]
    answered = Answered(state_document(groups=2), rows, _details, ("photos",), stream.getvalue())
    held: list[Any] = []
    given: list[Any] = []
    hold = [True]
    asked: list[Any] = []

    def image(route: Any) -> None:
        if hold[0]:
            held.append(route)
        else:
            route.fallback()

    def first_groups(route: Any) -> None:
        """The groups of equal bytes, which are replaced before their details are asked for."""
        asked.append(route)
        if len(asked) == 1:
            route.fulfill(json={"generation": 0, "revision": 0, "folders": [], "groups": [old]})
        else:
            route.fallback()

    def answer(route: Any) -> None:
        body = route.request.post_data_json
        given.append(body["groups"][0])
        row = next(row for row in rows if row["id"] == given[-1])
        changed = [{**row, "answer": "keep"}]
        route.fulfill(json={"state": {**answered.state, "decided": 1}, "changed": changed})

    def prepare(page: Any) -> None:
        answered.serve(page)
        page.route(f"{FAKE}/api/image/**", image)
        page.route(f"{FAKE}/api/groups", first_groups)
        page.route(f"{FAKE}/api/answer", answer)
        page.route(
            f"{FAKE}/api/groups/0-1",
            lambda route: route.fulfill(status=404, json={"error": "not there", "hint": "look"}),
        )

    tab = open_tab(f"{FAKE}/", prepare=prepare).ready()
    page = tab.page
    tab.until("() => document.querySelectorAll('.row').length === 2")
    assert page.locator(".is-error").count() == 0  # nothing went wrong: the full groups came
    tab.press("Enter", "s")
    assert page.locator(".accept").is_disabled()
    hold[0] = False
    for route in held:
        route.fallback()
    tab.until("() => document.querySelector('.accept').disabled === false")
    assert given == []
    page.locator(".accept").click()
    tab.until("() => document.activeElement.closest('.group')")
    assert len(given) == 1
    page.locator("button", has_text="Rules").focus()
    tab.press("Enter")
    page.locator("dialog").wait_for()
    tab.press("Escape")
    tab.until("() => !document.querySelector('dialog')")
    tab.until("() => document.activeElement !== document.body")


def test_a_way_to_compare_stays_while_a_group_loads_and_gets_another_number(
    open_tab: OpenTab,
) -> None:
    """The groups of equal bytes are shown until the others are found; its details come late."""
    rng = random.Random(4)
    stream = io.BytesIO()
    Image.fromarray(landscape(1, 160, 120)).save(stream, "JPEG")
    rows = [_entry(number, rng) for number in (1, 2)]
    found = Answered(state_document(groups=2), rows, _details, ("photos",), stream.getvalue())
    first = {"generation": 0, "revision": 0, "folders": [], "groups": [{**rows[0], "id": "0-1"}]}
    asked: list[Any] = []
    held: list[Any] = []

    def groups(route: Any) -> None:
        asked.append(route)
        route.fulfill(json=first) if len(asked) == 1 else route.fallback()

    def prepare(page: Any) -> None:
        found.serve(page)
        page.route(f"{FAKE}/api/groups", groups)
        page.route(f"{FAKE}/api/groups/0-1", lambda route: held.append(route))

    tab = open_tab(f"{FAKE}/", prepare=prepare)
    tab.until_text(".waiting", "Loading")
    tab.press("b")
    while not held:  # the page has asked, or "Loading" would not be there
        tab.page.wait_for_timeout(20)
    for route in held:
        route.fulfill(status=404, json={"error": "not there", "hint": "look"})
    tab.until_text('.frame[aria-label*="in turn"]', "")
    assert tab.title == "IMG_00001.jpg"
