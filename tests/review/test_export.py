"""What the page without a server is told of each file."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from imgsim import Decisions, find_duplicates
from imgsim.review.export import duplicates_page
from imgsim.tasks.decide import decide


def test_a_file_that_was_decided_to_stay_goes_for_no_equal_one(
    photos: Path, decisions: Decisions
) -> None:
    named, other = photos / "camera/a2.jpg", photos / "phone/again.jpg"
    shutil.copy(named, other)
    shutil.copy(named, photos / "phone/third.jpg")
    decide("keep-all", [str(named), str(photos / "phone/small2.jpg")], decisions)
    page = "".join(duplicates_page(find_duplicates(str(photos), decisions=decisions)))
    data = page.split('id="imgsim-data">')[1].split("</script>")[0]
    details = json.loads(data.replace("<\\/", "</"))["details"].values()
    files = {file["name"]: file for detail in details for file in detail["files"]}
    assert files["a2.jpg"]["may_go_for"] == []
    assert len(files["again.jpg"]["may_go_for"]) == 2
