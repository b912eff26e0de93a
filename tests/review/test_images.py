"""Pictures for the page: of files of all kinds, laid upon each other, and of none."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from imgsim import RunOptions, find_duplicates
from imgsim.pictures.generate import landscape
from imgsim.review.image_service import ImageService
from imgsim.review.images import Part
from imgsim.types import Picture


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Picture]:
    import cv2

    folder = tmp_path_factory.mktemp("kinds")
    pixels = landscape(81, 400, 300)
    Image.fromarray(pixels).save(folder / "a.jpg", quality=95)
    cv2.imwrite(str(folder / "deep.png"), pixels[..., ::-1].astype(np.uint16) * 257)
    Image.fromarray(np.ascontiguousarray(np.rot90(pixels))).save(folder / "turned.png")
    pillow_heif.from_pillow(Image.fromarray(pixels)).save(folder / "a.heic", quality=90)
    found = find_duplicates(folder, options=RunOptions(executor="threads", jobs=1))
    (group,) = found.groups
    made = {Path(m.picture.file.path).name: m.picture for m in group.members}
    assert len(made) == 4
    made["group"] = group  # type: ignore[assignment]
    return made


@pytest.fixture(scope="module")
def service() -> ImageService:
    return ImageService(RunOptions(executor="threads", jobs=1))


def _shown(jpeg: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB"), int)


@pytest.mark.parametrize("name", ["a.jpg", "deep.png", "a.heic"])
def test_pictures_of_all_kinds_look_as_they_are(
    name: str, pictures: dict[str, Picture], service: ImageService
) -> None:
    pixels = landscape(81, 400, 300).astype(int)
    whole = _shown(service.thumbnail(pictures[name], 640).jpeg)
    assert np.abs(whole - pixels).mean() < 4
    part = _shown(service.crop(pictures[name], Part(0.25, 0.5, 0.25, 0.25)).jpeg)
    assert part.shape == (75, 100, 3)
    assert np.abs(part - pixels[150:225, 100:200]).mean() < 4
    assert (
        service.thumbnail(pictures[name], 160).jpeg == service.thumbnail(pictures[name], 160).jpeg
    )


def test_a_turned_picture_lies_upon_the_kept_one(
    pictures: dict[str, Picture], service: ImageService
) -> None:
    group = pictures["group"]
    turned = next(m for m in group.members[1:] if m.role == "turned")  # type: ignore[attr-defined]
    kept = group.kept  # type: ignore[attr-defined]
    below = _shown(service.thumbnail(kept, 320).jpeg)
    laid = _shown(service.laid("aligned", kept, turned, 320).jpeg)
    assert laid.shape == below.shape
    assert np.abs(laid - below)[8:-8, 8:-8].mean() < 6
    levels = _shown(service.laid("difference", kept, turned, 320).jpeg)
    assert levels.max() < 160  # hardly anything differs


def test_what_cannot_be_shown_says_why(pictures: dict[str, Picture], service: ImageService) -> None:
    from dataclasses import replace

    one = pictures["a.jpg"]
    gone = replace(one, digest="0" * 64, file=replace(one.file, path="/nowhere/a.jpg"))
    assert service.thumbnail(gone, 160) == (b"", "the file is not there any more")
    small = ImageService(RunOptions(executor="threads", jobs=1, max_pixels=100))
    assert "max-pixels" in small.thumbnail(one, 160).reason
