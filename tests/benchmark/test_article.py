"""The protocol article: scenes of four, and images resized to one size."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from skimage.metrics import structural_similarity

from imgsim import RunOptions
from imgsim.benchmark import article
from imgsim.benchmark.runner import Plan, bench
from imgsim.comparators import registry
from imgsim.comparators.efficientnet import EfficientNetCosine
from imgsim.dataset.layouts import load_labelled
from imgsim.errors import UsageError
from imgsim.report.bench_tables import short_names


def test_the_protocol_article(places: Path, options: RunOptions) -> None:
    plan = Plan(experiments=("methods",), protocol="article")
    methods = [registry.parse(m) for m in ("cosine", "ssim", "dhash")]
    result = bench(load_labelled(places), methods, plan, options=options)
    assert [m.method for m in result.methods] == [
        "cosine:width=100,height=100", "ssim:width=100,height=100", "dhash"
    ]  # fmt: skip
    assert list(short_names(result).values()) == ["cosine", "ssim", "dhash"]
    other = replace(result.methods[0], method="cosine:weights=a.pth,engine=b,width=100,height=100")
    both = replace(result, methods=(result.methods[0], other))
    assert list(short_names(both).values()) == ["cosine", "cosine:engine=b"]
    for one in result.methods:
        assert one.retrieval is not None
        assert one.retrieval.queries == 5
        assert one.retrieval.article_accuracy == 1.0
    with pytest.raises(UsageError, match="class 0 has 3 images"):
        bench(load_labelled(places).keep(range(1, 20)), methods, plan, options=options)


def test_the_articles_ssim_is_that_of_scikit_image() -> None:
    one = article.FrameSsim(width=40, height=25)
    images = np.random.default_rng(0).integers(0, 256, (2, 25, 40, 3)).astype(np.uint8)
    images[1] = images[0] // 2 + images[1] // 2
    rows = one.extractor.extract(images)
    expected = structural_similarity(images[0], images[1], channel_axis=2)
    left, right = (one.prepare(rows[i : i + 1]) for i in (0, 1))
    assert 1 - one.distance(left, right)[0] == pytest.approx(expected, abs=1e-12)
    np.testing.assert_allclose(one.distance(left, one.prepare(rows)), [0, 1 - expected], atol=1e-12)


def test_the_articles_networks_see_the_same_images() -> None:
    one = EfficientNetCosine(weights="file.pth", size=64, batch_size=3)
    framed = article.follow(one, 40, 30)
    assert framed.spec == (
        "efficientnet-cosine:weights=file.pth,size=64,pool=none,scaling=unit,width=40,height=30"
    )
    extractor = framed.extractor
    assert isinstance(extractor, article.FrameFeatures)
    assert (extractor.wants.width, extractor.wants.height, extractor.batch_size) == (40, 30, 3)
    assert (extractor.pool, extractor.scaling) == ("none", "unit")
    plain = registry.parse("phash:size=16")
    assert article.follow(plain, 40, 30) == plain


def test_the_size_of_the_articles_images() -> None:
    assert article.frame_size(100, 100) == (100, 100)
    assert article.frame_size(3072, 2048) == (439, 293)
