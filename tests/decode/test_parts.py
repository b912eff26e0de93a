"""Files that hold more than a picture."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from imgsim.decode.decoder import Decoder
from imgsim.decode.parts import extra_parts, film_of_boxes
from imgsim.decode.samples import sample_digest
from imgsim.decode.source import open_source
from imgsim.pictures.generate import landscape

PHOTO = Image.fromarray(landscape(1, 96, 64))
FILM = b"\0\0\0\x18ftypmp42" + bytes(range(256)) * 8


def jpeg(xmp: str = "", behind: bytes = b"") -> bytes:
    stream = io.BytesIO()
    PHOTO.save(stream, "JPEG", **({"xmp": xmp.encode()} if xmp else {}))
    return stream.getvalue() + behind


def heic(*boxes: tuple[bytes, bytes]) -> bytes:
    pillow_heif = pytest.importorskip("pillow_heif")
    stream = io.BytesIO()
    pillow_heif.from_pillow(PHOTO).save(stream, quality=90)
    more = b"".join((8 + len(b)).to_bytes(4, "big") + name + b for name, b in boxes)
    return stream.getvalue() + more


def parts(data: bytes) -> str:
    return open_source(data).parts


@pytest.mark.parametrize(
    ("xmp", "named"),
    [
        ('<x GCamera:MotionPhoto="1"/>', "film"),
        ("<x><GCamera:MicroVideo>1</GCamera:MicroVideo></x>", "film"),
        ('<x GCamera:MotionPhoto="0"/>', ""),
        ('<x hdrgm:Version="1.0"/>', "gain map"),
        ('<x Item:Semantic="Depth"/>', "depth map"),
        ('<x GCamera:MotionPhoto="1" hdrgm:Version="1.0"/>', "film, gain map"),
    ],
)
def test_xmp_of_a_jpeg_names_its_parts(xmp: str, named: str) -> None:
    assert parts(jpeg(xmp)) == named


def test_a_second_view_is_a_part_and_a_preview_is_not() -> None:
    stream = io.BytesIO()
    PHOTO.save(stream, "MPO", save_all=True, append_images=[PHOTO])
    image = Image.open(io.BytesIO(stream.getvalue()))
    kinds = image.mpinfo[0xB002]
    for kind, named in (
        ("Multi-Frame Image: (Disparity)", "further picture"),
        ("Large Thumbnail (VGA Equivalent)", ""),
    ):
        for entry in kinds:
            entry["Attribute"]["MPType"] = kind
        assert extra_parts(stream.getvalue(), image) == named


def test_a_heic_file_with_a_film() -> None:
    assert parts(heic()) == ""
    assert parts(heic((b"mpvd", FILM))) == "film"
    assert parts(heic((b"sefd", bytes(100)))) == ""
    assert bytes(film_of_boxes(heic((b"mpvd", FILM))) or b"") == FILM
    assert film_of_boxes(heic((b"moov", FILM))) is None


def test_films_decide_whether_samples_are_equal() -> None:
    digests = {
        name: sample_digest(data, Decoder(max_pixels=10**6))
        for name, data in {
            "plain": heic(),
            "film": heic((b"mpvd", FILM)),
            "film and remarks": heic((b"mpvd", FILM), (b"sefd", bytes(100))),
            "other film": heic((b"mpvd", FILM[::-1])),
            "jpeg": jpeg(),
            "jpeg with film": jpeg(behind=FILM),
        }.items()
    }
    assert None not in digests.values()
    assert digests["film"] == digests["film and remarks"]
    assert len(set(digests.values())) == len(digests) - 1
    assert sample_digest(heic((b"moov", FILM)), Decoder(max_pixels=10**6)) is None


def test_half_a_box_ends_the_search() -> None:
    assert parts(heic() + b"\0\0\0\x04mp") == ""
