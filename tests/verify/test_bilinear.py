"""Pictures that were drawn into a quadrilateral by bilinear interpolation."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from imgsim.comparators.local import LONG_SIDE
from imgsim.types import Verdict
from imgsim.verify.bilinear import Bend, bent, fit_bend, may_be_bent
from imgsim.verify.judge import judge
from imgsim.verify.needed import DUPLICATES
from tests.verify.pictures import UPRIGHT, matrix_of_rows, multiscale, picture, rows


def quad(image: Image.Image, seed: int) -> tuple[Image.Image, np.ndarray]:
    """A quadrilateral of a picture drawn to its size, and its corners in unit coordinates."""
    rng = np.random.default_rng(seed)
    square = np.array([(0, 0), (0, 1), (1, 1), (1, 0)], float)
    corners = square + rng.uniform(0.02, 0.12, (4, 2)) * np.sign(0.5 - square)
    data = [float(v) for v in (corners * image.size).ravel()]
    how = Image.Transform.QUAD
    return image.transform(image.size, how, data, Image.Resampling.BICUBIC), corners.T


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("of_left", [True, False])
def test_a_quadrilateral_of_a_picture_matches_it(seed: int, of_left: bool) -> None:
    whole = picture(seed)
    part, corners = quad(whole, seed)
    pair = (whole, part) if of_left else (part, whole)
    left, right = map(multiscale, pair)
    matrix = matrix_of_rows(*rows(*pair), mirrored=False)
    assert matrix is not None
    verdict = judge(left, right, [matrix])
    assert verdict.residual <= 1
    assert verdict.contained
    bend = fit_bend(left, right, matrix)
    if bend is None:
        return  # a homography is as good
    assert bend.of_left is of_left
    placed = bend(np.array([(0, 0, 1, 1), (0, 1, 1, 0.0)]))
    assert np.abs(placed - corners).max() < 0.01


def test_a_map_is_taken_off_a_picture() -> None:
    whole = picture(3)
    part, corners = quad(whole, 3)
    square = np.array([(0, 0, 1, 1), (0, 1, 1, 0.0)])
    terms = np.stack([np.ones(4), *square, square[0] * square[1]])
    bend = Bend(np.linalg.solve(terms.T, corners.T).T, of_left=True)
    assert np.allclose(bend(square), corners)
    one, other = multiscale(whole), multiscale(part)
    straight = bent(one, other, bend)
    shown = other.grey(LONG_SIDE).astype(float)
    drawn = np.asarray(Image.fromarray(straight.grey(LONG_SIDE)).resize(shown.shape[::-1]), float)
    assert np.abs(drawn - shown).mean() < 4
    whole_shown = one.grey(LONG_SIDE).astype(float)
    assert np.abs(whole_shown - shown).mean() > 12
    assert straight.rgb().shape[2] == 3
    assert straight.colours.shape == one.colours.shape
    assert straight.shape == straight.grey(LONG_SIDE).shape


def test_other_pictures_and_true_perspective_have_no_such_map() -> None:
    one = multiscale(picture(1))
    assert fit_bend(one, multiscale(picture(2)), UPRIGHT) is None
    assert fit_bend(one, one, UPRIGHT) is None
    leaning = np.array([(1, 0.1, 0), (0, 1, 0), (0.1, 0.1, 1.0)])
    assert fit_bend(one, multiscale(picture(2)), leaning) is None


@pytest.mark.parametrize(
    ("residual", "aligned", "tried"),
    [
        (0.9, True, False),
        (1.1, True, True),
        (12.0, True, True),
        (13.0, True, False),
        (np.inf, False, False),
        (1.1, False, False),
    ],
)
def test_it_is_tried_where_pictures_nearly_lie_upon_each_other(
    residual: float, aligned: bool, tried: bool
) -> None:
    matrix = tuple(UPRIGHT.ravel().tolist()) if aligned else ()
    assert may_be_bent(Verdict(residual, matrix)) is tried


def test_no_map_is_looked_for_where_points_fit_and_a_part_differs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tried = []
    monkeypatch.setattr("imgsim.verify.judge.fit_bend", lambda *pair: tried.append(pair))
    whole, other = picture(1), picture(2)
    whole_too = whole.copy()
    whole_too.paste(other.crop((50, 50, 130, 130)), (60, 40))
    assert judge(multiscale(whole), multiscale(whole_too), [UPRIGHT], DUPLICATES).residual > 1
    assert not tried
    judge(multiscale(whole), multiscale(quad(whole, 1)[0]), [UPRIGHT], DUPLICATES)
    assert tried
