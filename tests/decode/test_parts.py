"""Files that hold more than a picture."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import Image

from imgsim.decode.decoder import Decoder
from imgsim.decode.parts import extra_parts, film_of_boxes
from imgsim.decode.samples import sample_digest
from imgsim.decode.source import open_source
from imgsim.decode.spec import InputSpec
from imgsim.pictures.generate import landscape

PHOTO = Image.fromarray(landscape(1, 96, 64))
SPEC = InputSpec(0, 0, "rgb")
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


def psd(layers: bytes) -> bytes:
    head = b"8BPS" + struct.pack(">H6xHIIHH", 1, 3, PHOTO.height, PHOTO.width, 8, 3)
    planes = np.moveaxis(np.asarray(PHOTO), -1, 0).tobytes()
    return head + bytes(8) + struct.pack(">I", len(layers)) + layers + b"\0\0" + planes


def test_a_psd_is_the_picture_of_its_layers_and_layers_are_no_equal_samples() -> None:
    record = struct.pack(">4iH", 0, 0, 0, 0, 0) + b"8BIMnorm" + bytes(4) + bytes(4)
    layers = struct.pack(">Ih", 4 + 2 * len(record), 2) + 2 * record + bytes(2)
    for data, named in ((psd(b""), ""), (psd(layers), "layers")):
        decoded = Decoder()(data, (SPEC,))
        assert (decoded.facts.format, decoded.facts.frames) == ("PSD", 1)
        assert decoded.facts.parts == named
        assert np.array_equal(decoded.images[SPEC], np.asarray(PHOTO))
        assert (sample_digest(data, Decoder()) is None) == bool(named)
        assert len(list(Decoder().frames(data, [0], (SPEC,)))) == 1


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


@pytest.mark.parametrize("brand", [b"mp42", b"isom", b"qt  "])
@pytest.mark.parametrize("filling", [b"", bytes(64), b"\0\0\x30\x0a\x10"])
def test_a_film_behind_a_jpeg_is_named_whatever_the_metadata_say(
    brand: bytes, filling: bytes
) -> None:
    film = b"\0\0\0\x14ftyp" + brand + bytes(8) + b"\0\0\1\0mdat" + bytes(range(248))
    assert parts(jpeg(behind=filling + film)) == "film"
    assert parts(jpeg(behind=filling + film[:40])) == "film"
    assert parts(jpeg('<x hdrgm:Version="1.0"/>', filling + film)) == "film, gain map"


@pytest.mark.parametrize(
    "behind", [bytes(5000), b"ftyp", b"an ftyp box is no film", b"\xff\xff\xff\xffftypmp42"]
)
def test_other_bytes_behind_a_jpeg_are_no_film(behind: bytes) -> None:
    assert parts(jpeg(behind=behind)) == ""


def test_a_heic_picture_behind_a_jpeg_is_a_further_picture() -> None:
    assert parts(jpeg(behind=heic())) == "further picture"


def multi_picture(xmp: str, second_xmp: str, *, more: int = 0) -> bytes:
    """As Pillow writes them: second pictures of an undefined kind."""
    stream = io.BytesIO()
    seconds = [PHOTO.copy() for _ in range(1 + more)]
    seconds[0].encoderinfo = {"xmp": second_xmp.encode()}
    PHOTO.save(
        stream,
        "MPO",
        save_all=True,
        append_images=seconds,
        **({"xmp": xmp.encode()} if xmp else {}),
    )
    return stream.getvalue()


def test_second_pictures_of_an_undefined_kind_are_told_by_their_headers() -> None:
    version, apple = '<x hdrgm:Version="1.0"/>', "urn:com:apple:photo:2020:aux:hdrgainmap"
    iso = "urn:iso:std:iso:ts:21496:-1"
    assert parts(multi_picture("", "")) == "further picture"
    for said in (version, apple, iso):
        assert parts(multi_picture("", said)) == "gain map"
        assert parts(multi_picture("", said, more=1)) == "gain map, further picture"
    assert parts(multi_picture(version, version)) == "gain map"
    assert parts(multi_picture(version, "<x/>")) == "gain map"


def test_a_gain_map_without_a_directory_is_told_by_its_header() -> None:
    second = jpeg('<x hdrgm:Version="1.0"/>')
    assert parts(jpeg(behind=second)) == "gain map"
    assert parts(jpeg(behind=jpeg("<x/>"))) == ""


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


def test_a_heic_file_with_a_film_appended_is_read() -> None:
    film = b"\0\0\0\x14ftypisom\0\0\0\0mp42"
    track = b"".join(
        (8 + len(b)).to_bytes(4, "big") + name + b
        for name, b in ((b"mdat", bytes(100)), (b"moov", bytes(40)))
    )
    data = heic() + film + track
    assert parts(data) == "film"
    assert Decoder()(data, []).facts.damage == ""
    assert sample_digest(data, Decoder()) is None


def test_a_heic_file_with_another_appended_is_more_than_the_first() -> None:
    data = heic() + heic()
    assert parts(data) == "further picture"
    assert Decoder()(data, []).facts.damage == ""
    assert sample_digest(data, Decoder()) not in (None, sample_digest(heic(), Decoder()))


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize(("key", "named"), [(b"8BIMLayr", "layers"), (b"8BIMPatt", "")])
def test_a_tiff_with_layers_of_photoshop_is_no_copy(bits: int, key: bytes, named: str) -> None:
    import tifffile

    stream = io.BytesIO()
    data = b"Adobe Photoshop Document Data Block\0" + key + bytes(64)
    levels = np.asarray(PHOTO).astype(f"u{bits // 8}")
    tifffile.imwrite(stream, levels, photometric="rgb", extratags=[(37724, 7, None, data, True)])
    assert parts(stream.getvalue()) == named
    digest = sample_digest(stream.getvalue(), Decoder())
    assert (digest is None) == bool(named)
