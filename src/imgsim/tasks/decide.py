"""Takes down what a person decides of files or pictures."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace

from imgsim.addresses import absolute
from imgsim.decisions.records import Answer, DecidedFile, Decision
from imgsim.decisions.store import Decisions
from imgsim.errors import UsageError
from imgsim.executors.base import Executor
from imgsim.read.collect import collect
from imgsim.read.discover import printable
from imgsim.read.equal_samples import sample_digests_of
from imgsim.read.options import RunOptions, as_options
from imgsim.types import Picture


def decide(
    answer: Answer,
    files: Sequence[str | os.PathLike[str] | Picture],
    decisions: Decisions,
    *,
    options: RunOptions | None = None,
) -> Decision:
    """Remember what was decided of some files.

    They are known again by their bytes or their samples, so each is decoded once in full, unless
    the cache has the digest of its samples.

    Parameters
    ----------
    answer : {"not-duplicates", "keep-all", "keep", "remove"}
        No two of them are one picture; all of them stay; the first stays, rather than the others if
        any are named; or the first stays, and the second may go whatever it is to the first.
    files : sequence of path or Picture
        Pictures are those of `find_duplicates`: these files are not read for their bytes again.
    decisions : Decisions
    options : RunOptions, optional

    Raises
    ------
    UsageError
        A path does not exist or is no image, or the answer makes no sense of the files.
    DecisionsUnusable
        It cannot be written.

    Examples
    --------
    >>> import imgsim
    >>> decisions = imgsim.Decisions("decisions.jsonl")
    >>> files = ["photos/IMG_0001.jpg", "photos/IMG_0001 copy.jpg"]
    >>> imgsim.decide("keep-all", files, decisions).answer
    'keep-all'
    """
    return decisions.add(answer, decided_files(files, options))


def decided_files(
    files: Sequence[str | os.PathLike[str] | Picture], options: RunOptions | None = None
) -> list[DecidedFile]:
    """Return files as decisions name them: digests of the bytes and the samples, size, path.

    Parameters
    ----------
    files : sequence of path or Picture
    options : RunOptions, optional

    Raises
    ------
    UsageError
        A path does not exist, or is no image that can be read.
    """
    options = as_options(options)
    paths = [os.fspath(one) for one in files if not isinstance(one, Picture)]
    executor = options.open_executor(options.jobs, keep=True)
    try:
        read = _read(paths, options, executor)
        pictures = [p if isinstance(p, Picture) else read[absolute(os.fspath(p))] for p in files]
        unknown = {p.digest: p for p in pictures if p.sample_digest is None}
        wanted = [p for p in unknown.values() if not (p.facts.raw or p.facts.damage)]
        samples = sample_digests_of(wanted, options, executor) if wanted else {}
    finally:
        executor.close()
    return [DecidedFile.of(p, p.sample_digest or samples.get(p.digest)) for p in pictures]


def _read(paths: Sequence[str], options: RunOptions, executor: Executor) -> dict[str, Picture]:
    """The pictures of files, by their absolute paths."""
    if not paths:
        return {}
    for path in paths:
        if os.path.isdir(path):
            raise UsageError(f"{printable(path)} is a folder", "name the files")
    discover = replace(options.discover, listed=(), manifests=(), reference=())
    collection = collect(
        list(dict.fromkeys(paths)), [], replace(options, discover=discover), executor=executor
    )
    read = {}
    for picture in collection.pictures:
        for name in (picture.file.path, *picture.file.links):
            read[absolute(name)] = replace(picture, file=replace(picture.file, path=name))
    for one in collection.skipped:
        raise UsageError(f"cannot read {printable(one.path)}: {one.reason}", "name a picture")
    for path in paths:
        if absolute(path) not in read:
            raise UsageError(f"{printable(path)} is no image that can be read", "name a picture")
    return read
