"""The page of clusters in a real browser; skipped, loudly, without one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image

import imgsim
from imgsim import RunOptions
from imgsim.report.cluster_page import cluster_page
from tests.review.page.conftest import chromium as chromium


def test_no_number_is_cut_off_at_the_edge_of_the_map(
    chromium: Any, photo: Callable[[int], Image.Image], tmp_path: Path, threads: RunOptions
) -> None:
    for seed in range(8):
        photo(seed).save(tmp_path / f"{seed}.png")
    clusters = imgsim.cluster_images(tmp_path, "cosine", n=8, options=threads)
    (tmp_path / "map.html").write_text("".join(cluster_page(clusters)), encoding="utf-8")
    page = chromium.new_page(viewport={"width": 700, "height": 500})
    page.goto((tmp_path / "map.html").as_uri())
    boxes = page.evaluate(
        "() => [...document.querySelectorAll('#map, #map em')].map(e => e.getBoundingClientRect())"
    )
    area, *numbers = boxes
    assert len(numbers) == 8
    for number in numbers:
        assert area["left"] <= number["left"]
        assert area["top"] <= number["top"]
        assert number["right"] <= area["right"]
        assert number["bottom"] <= area["bottom"]
    page.close()
