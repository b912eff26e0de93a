"""A page that says something else than what comes out is found."""

from __future__ import annotations

import pytest
from PIL import Image

from tests.tutorials import page

PAGE = """
```sh
imgsim demo camera --kind rounds
imgsim search camera/light/frame.png --in camera/light -m ssim --montage near.png
```

```text
...
  ssim             SSIM 0.93878 93.9%  camera/light/brighter.png
                   SSIM 0.71911 71.9%  camera/light/other.png
...
wrote 30 pictures to camera
```

<!-- repeat: within=0.4 -->
![near](lie/near.webp)

<!-- repeat: needs=a_package_that_nobody_has -->
```sh
imgsim no-such-command
```

```text
not looked at
```

One has 0.93878, of 30.
"""


@pytest.fixture(scope="module")
def repeated(tmp_path_factory: pytest.TempPathFactory):
    """What is found in a page, when parts of it are replaced."""
    tutorials, folder = (tmp_path_factory.mktemp(name) for name in ("tutorials", "work"))
    (tutorials / "lie").mkdir()
    Image.new("RGB", (600, 200), "white").save(tutorials / "lie" / "near.webp")

    def repeat(old: str, new: str, monkeypatch: pytest.MonkeyPatch) -> page.Repeated:
        text = PAGE.replace(old, new)
        assert text != PAGE or old == new
        if any(folder.iterdir()):
            text = text.replace("imgsim demo camera --kind rounds\n", "").replace(
                "wrote 30 pictures to camera", "near.png: 1 query"
            )
        (tutorials / "lie.md").write_text(text)
        monkeypatch.setattr(page, "TUTORIALS", tutorials)
        monkeypatch.chdir(folder)
        return page.repeat("lie", folder)

    return repeat


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("One", "One", None),
        ("0.71911", "0.71912", None),  # the last digit
        ("0.71911", "0.7195", "was not printed"),
        ("other.png\n...", "another.png\n...", "was not printed"),
        ("has 0.93878", "has 0.9388", "stands in the text only: 0.9388"),
        ("of 30", "of 95 %", "stands in the text only: 95"),
        ("within=0.4", "within=0.1", "differs by"),
        ("lie/near.webp", "lie/far.webp", "no command wrote"),
    ],
)
def test_what_is_not_so_is_found(
    old: str, new: str, found: str | None, repeated, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = repeated(old, new, monkeypatch)
    assert [text for text in done.wrong if found is None or found not in text] == []
    assert bool(done.wrong) == bool(found)
    assert done.skipped == ["imgsim no-such-command (needs a_package_that_nobody_has)"]


def test_a_command_that_fails_stops_the_page(repeated, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AssertionError, match="no-such-command"):
        repeated(" needs=a_package_that_nobody_has", "", monkeypatch)


def test_figures_are_rounded_as_shown() -> None:
    assert page._shows("0.62", 0.6213)
    assert page._shows("62", 0.6213)  # in percent
    assert not page._shows("0.63", 0.6213)
