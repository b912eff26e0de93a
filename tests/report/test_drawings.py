"""Maps, heat maps and montages: what they show is told apart and can be read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont
from skimage.color import deltaE_ciede2000, xyz2lab

from imgsim import cluster_images, sort_images
from imgsim.errors import UsageError
from imgsim.pictures.fixed_camera import cycle, frame
from imgsim.pictures.ticks import round_logarithmic_ticks, round_ticks
from imgsim.report.cluster_drawings import (
    _covered,
    _outside,
    _place_for_tag,
    draw_map,
    nearest_groups,
)
from imgsim.report.cluster_numbers import draw_numbers
from imgsim.report.colours import NO_COLOUR, PALETTE, colour_of, text_on, tint
from imgsim.report.ordering import _numbered_lines, draw_heatmap
from imgsim.report.pictures import montage_pages
from imgsim.tasks.matches import matches

# G. M. Machado, M. M. Oliveira and L. A. F. Fernandes, 2009, severity 1
SEEN = {
    "normally": np.eye(3),
    "without long cones": [
        [0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "without middle cones": [
        [0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "without short cones": [
        [1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("seen", "apart", "first"),
    list(zip(SEEN, (14, 8, 8, 7), (24, 16, 16, 15), strict=True)),
)
def test_colours_are_told_apart_by_the_colour_blind(seen: str, apart: float, first: float) -> None:
    colours = lab_of([*PALETTE, NO_COLOUR, *(tint(colour, 0.22) for colour in PALETTE)], seen)
    palette, grey, tints = colours[:30], colours[30:31], colours[31:]
    pairs = deltaE_ciede2000(palette[:, None], palette[None]) + 100 * np.eye(30)
    assert len(palette) == 30
    assert pairs.min() >= apart
    assert pairs[:8, :8].min() >= first
    assert deltaE_ciede2000(palette, grey).min() >= 9
    if seen == "normally":
        assert deltaE_ciede2000(palette, tints).min() >= 17  # a dot is seen on its ground


def lab_of(colours: list[tuple[int, ...]], seen: str) -> np.ndarray:
    """Return colours in CIELAB as somebody sees them."""
    levels = np.array(colours) / 255
    light = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
    to_xyz = [
        [0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]  # fmt: skip
    return xyz2lab(np.clip(light @ np.transpose(SEEN[seen]), 0, 1) @ np.transpose(to_xyz))


def test_after_the_last_colour_the_first_comes_again() -> None:
    assert colour_of(31) == colour_of(1) != colour_of(0)
    assert [text_on(c) for c in ((0, 0, 0), (255, 255, 255))] == ["white", "black"]


def test_the_nearest_images_decide_whose_region_a_place_is() -> None:
    places = np.array([[0.0, 0], [1, 0], [2, 0], [10, 0], [11, 0], [12, 0], [13, 0]])
    groups = np.array([1, 1, 1, 2, 2, 2, 2])
    points = np.array([[1.0, 1], [12, 1], [5.6, 0]])
    assert nearest_groups(places, groups, points).tolist() == [1, 2, 1]
    assert nearest_groups(places[:1], groups[:1], points).tolist() == [1, 1, 1]
    tied = np.array([0, 0, 3, 4, 4])  # two of each: the nearest of both decides
    assert nearest_groups(places[:5], tied, np.array([[9.0, 0]])).tolist() == [4]


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0, 38.3, [0, 10, 20, 30]),
        (0.5621, 1, [0.6, 0.7, 0.8, 0.9, 1]),
        (0, 1633, [0, 500, 1000, 1500]),
        (0, 0, [0]),
        (-1, 1, [-1, -0.5, 0, 0.5, 1]),
    ],
)
def test_ticks_are_round(low: float, high: float, ticks: list[float]) -> None:
    assert round_ticks(low, high) == pytest.approx(ticks)


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0.00575, 0.279, [0.01, 0.02, 0.05, 0.1, 0.2]),
        (2e-7, 40, [1e-6, 1e-5, 1e-4, 1e-3, 0.01, 0.1, 1, 10]),
        (0.21, 0.43, [0.25, 0.3, 0.35, 0.4]),
    ],
)
def test_ticks_of_a_logarithmic_axis_are_round(low: float, high: float, ticks: list[float]) -> None:
    found = round_logarithmic_ticks(low, high)
    assert all(low <= tick <= high for tick in found)
    assert found == pytest.approx(ticks)


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("frames")
    for place, state in enumerate(cycle(4)):
        for number in range(4):
            image = Image.fromarray(frame(state, seed=100 * place + number))
            image.resize((160, 120)).save(folder / f"{place}_{number}.jpg")
    return folder


def test_every_cluster_has_its_region_number_and_colour(
    frames: Path, tmp_path: Path, threads
) -> None:
    found = cluster_images(frames, n=4, options=threads)
    draw_map(found, tmp_path / "map.png")
    drawn = np.asarray(Image.open(tmp_path / "map.png").convert("RGB")).reshape(-1, 3)
    colours, counts = np.unique(drawn, axis=0, return_counts=True)
    count = dict(zip(map(tuple, colours.tolist()), counts.tolist(), strict=True))
    for number in (1, 2, 3, 4):
        tinted = tuple(round(255 - (255 - part) * 0.22) for part in colour_of(number))
        assert count[tinted] > 20_000  # its region
        assert count[colour_of(number)] > 100


@pytest.mark.parametrize("n", [1, 16, 40])
def test_a_heat_map_is_as_large_as_it_is_readable(
    n: int, frames: Path, tmp_path: Path, photo, threads
) -> None:
    folder = frames
    if n != 16:
        folder = tmp_path / "photos"
        folder.mkdir()
        for seed in range(n):
            photo(seed).save(folder / f"{seed:02}.png")
    ordering = sort_images(folder, "cosine", options=threads)
    draw_heatmap(ordering, ordering.better, tmp_path / "heat.png")
    with Image.open(tmp_path / "heat.png") as drawn:
        assert drawn.width <= 2400
        assert len(drawn.getcolors(1 << 24)) > (40 if n > 1 else 3)
        # below the maps it says that the numbers are not those of the printed list
        lines = _numbered_lines(drawn.width - 32)
        font = ImageFont.load_default(11)
        assert max(map(font.getlength, lines)) <= drawn.width - 32
        note = Image.new("L", (drawn.width, 16), "white")
        ImageDraw.Draw(note).text((16, 0), lines[0], "black", font)
        windows = np.lib.stride_tricks.sliding_window_view(np.asarray(drawn.convert("L")), 16, 0)
        assert (windows == np.asarray(note).T).all(axis=(1, 2)).any()


def test_the_colours_of_a_heat_map_span_the_pairs(tmp_path: Path, photo, threads) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for seed in range(6):
        photo(seed).save(folder / f"{seed}.png")
    ordering = sort_images(folder, "ssim", options=threads)
    pairs = ordering.matrix[~np.eye(6, dtype=bool)]
    assert pairs.min() > 0.4 * pairs.max()  # the diagonal is far from all of them
    draw_heatmap(ordering, ordering.better, tmp_path / "heat.png")
    shown = np.asarray(Image.open(tmp_path / "heat.png").convert("RGB"))
    row, column = np.argwhere(ordering.matrix == pairs.min())[0]
    grey = (shown == 190).all(axis=2)
    top, left = (int(np.argmax(grey.sum(axis=i) >= 25)) for i in (1, 0))  # where panels begin
    cell = shown[top + 34 * row + 2, left + 34 * column + 2]
    assert cell.tolist() == [253, 231, 37]
    diagonal = shown[top + 2 : top + 6 * 34 : 34, left + 2 : left + 6 * 34 : 34]
    assert (diagonal[np.arange(6), np.arange(6)] == 190).all()  # no pair, so none of their colours
    assert grey[:, left + 2 * 6 * 34 :].any()  # the bar says what grey is


def test_numbers_of_clusters_cover_neither_one_another_nor_pictures() -> None:
    pictures = np.array([[100.0, 100, 164, 164], [164, 100, 228, 164]])
    tags = np.empty((0, 4))
    for _ in range(6):
        tag, _ = _place_for_tag((132, 132), (30, 24), 32, (400, 400), tags, pictures)
        assert _covered(tag, np.vstack([tags, pictures])) == 0
        assert min(tag) >= 0
        assert max(tag) < 400
        tags = np.vstack([tags, tag])


def test_no_dot_lies_upon_a_picture() -> None:
    pictures = np.array([[100.0, 100, 164, 164], [166, 100, 230, 164]])
    for point in np.random.default_rng(0).uniform(60, 260, (200, 2)):
        x, y = _outside(point, pictures)
        assert _covered((x - 4, y - 4, x + 4, y + 4), pictures) == 0
        assert np.hypot(x - point[0], y - point[1]) < 90
    assert _outside(np.array([50.0, 60.0]), pictures) == (50.0, 60.0)


def test_a_montage_has_pages_of_six_queries(frames: Path, tmp_path: Path, threads) -> None:
    shown = matches(frames, ["phash"], options=threads)
    pages = montage_pages(shown, tmp_path / "m.png")
    assert [(path.name, list(part)) for path, part in pages] == [
        ("m.png", list(range(6))), ("m-2.png", list(range(6, 12))), ("m-3.png", [12, 13, 14, 15]),
    ]  # fmt: skip
    one = matches(sorted(frames.iterdir())[:6], ["phash"], options=threads)
    assert montage_pages(one, tmp_path / "m.png") == [(tmp_path / "m.png", range(6))]


def test_the_chosen_number_of_clusters_is_marked(frames: Path, tmp_path: Path, threads) -> None:
    marks = {}
    for rule in ("elbow", "silhouette"):
        found = cluster_images(frames, choose=rule, options=threads)
        draw_numbers(found, tmp_path / f"{rule}.png")
        drawn = np.asarray(Image.open(tmp_path / f"{rule}.png").convert("RGB"))
        marks[rule] = np.argwhere((drawn == (214, 93, 14)).all(axis=2))
    assert marks["elbow"][:, 0].max() < 260 < marks["silhouette"][:, 0].min()  # the upper curve
    with pytest.raises(UsageError, match="no numbers of clusters were tried"):
        draw_numbers(cluster_images(frames, n=4, options=threads), tmp_path / "none.png")


def test_a_heat_map_names_its_numbers(frames: Path, tmp_path: Path, threads, monkeypatch) -> None:
    written: list[str] = []
    draw = ImageDraw.ImageDraw.text

    def kept(self, place, text, *more, **options):
        written.append(text)
        return draw(self, place, text, *more, **options)

    monkeypatch.setattr(ImageDraw.ImageDraw, "text", kept)
    ordering = sort_images(str(frames), options=threads)
    draw_heatmap(ordering, ordering.better, tmp_path / "map.png")
    names = [Path(p.file.path).name for p in ordering.pictures]
    assert written[-2 * len(names) :: 2] == [str(i) for i in range(1, len(names) + 1)]
    assert written[-2 * len(names) + 1 :: 2] == names
