"""Judges contents once more before a plan is carried out: what stays must decode, what goes match.

All of it is about contents, known by their digests; that the files have them still is checked right
before each step.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Protocol

from imgsim.act.paths import native
from imgsim.act.plan import Plan, PlanGroup, PlannedFile, Removal
from imgsim.decode.damage import hidden_fault
from imgsim.decode.decoder import Decoder
from imgsim.decode.samples import SampleOutcome
from imgsim.decode.spec import DecodeError, DecodeMode, InputSpec, NeedsMemory
from imgsim.errors import ImgsimError
from imgsim.executors.base import Batch, Heartbeat, MoreMemory, R
from imgsim.read.content import ChangedFile, Content, ContentBatch
from imgsim.read.discover import DiscoverOptions
from imgsim.read.equal_samples import SampleBatch
from imgsim.read.options import RunOptions
from imgsim.tasks.find_duplicates import find_duplicates
from imgsim.types import REMOVABLE_ROLES

_BATCH = 8
_WHOLE_PICTURE = InputSpec(32, 32, "rgb")


class Verifier(Protocol):
    """Judges the contents of a plan."""

    def verify(self, plan: Plan, groups: Sequence[PlanGroup]) -> dict[bytes, str]:
        """Return why files are not to be kept, or removed, by their paths; no others."""


@dataclass(frozen=True, slots=True)
class WholeBatch(ContentBatch):
    """Files that have to decode in full; picklable."""

    def failure(self, reason: str) -> str:
        """The reason of a file whose worker died."""
        return f"the kept file does not decode: {reason}"

    def run(self, heartbeat: Heartbeat) -> list[str | MoreMemory]:
        """Decode each file, and say why it is not to be relied on; empty if it is whole."""
        reasons: list[str | MoreMemory] = []
        for content in self.contents:
            try:
                reasons.append(self._reason(content, heartbeat))
            except NeedsMemory as error:
                reasons.append(MoreMemory(error.size_bytes))
            except ChangedFile:
                reasons.append("the kept file: its content has changed")
            except FileNotFoundError:
                reasons.append("the kept file: it is gone")
            except OSError as error:
                reasons.append(f"the kept file cannot be read: {error.strerror or error}")
            except (DecodeError, MemoryError) as error:
                reasons.append(f"the kept file does not decode: {error}")
            heartbeat()
        return reasons

    def _reason(self, content: Content, heartbeat: Heartbeat) -> str:
        data = content.read(self.limits, heartbeat.reading)
        decoded = self.limits(data, [_WHOLE_PICTURE])
        fault = decoded.facts.damage or hidden_fault(data, self.limits.max_pixels)
        return f"the kept file is damaged: {fault}" if fault else ""


class ContentVerifier:
    """Judges by decoding, and by the method of the plan.

    Parameters
    ----------
    options : RunOptions, optional
        How files are decoded, and up to which size, is what the plan says.
    """

    def __init__(self, options: RunOptions | None = None) -> None:
        self.options = options or RunOptions()

    def verify(self, plan: Plan, groups: Sequence[PlanGroup]) -> dict[bytes, str]:
        """Decode what stays, compare samples, and verify the rest by the method.

        Pictures are decoded as they were when the plan was made.
        """
        reasons = self._of_kept(plan, [group.keep for group in groups])
        left = [group for group in groups if group.keep.path not in reasons]
        pairs = [(group.keep, one) for group in left for one in group.removals]
        equal = [(kept, one) for kept, one in pairs if one.role == "pixels"]
        reasons |= self._of_samples(plan, equal)
        near = [(kept, one) for kept, one in pairs if one.role not in ("exact", "pixels")]
        progress = self.options.progress
        if near:
            progress.start("verifying", len(near), "pair")
        try:
            for kept, one in near:
                reason = self._by_method(plan, kept, one)
                if reason:
                    reasons[one.file.path] = reason
                progress.advance(1)
        finally:
            progress.finish()
        return reasons

    def _decoder(self, plan: Plan) -> Decoder:
        return self._options(plan).make_decoder(self.options.jobs)

    def _options(self, plan: Plan) -> RunOptions:
        return replace(self.options, decode=plan.decode, max_pixels=plan.max_pixels)

    def _of_kept(self, plan: Plan, kept: Sequence[PlannedFile]) -> dict[bytes, str]:
        limits = replace(self._decoder(plan), mode=DecodeMode.FULL)
        batches = [
            WholeBatch(tuple(_content(plan, file) for file in some), limits)
            for some in _parts(kept)
        ]
        outcomes = self._run("decoding what is kept", batches)
        return {file.path: why for file, why in zip(kept, outcomes, strict=True) if why}

    def _of_samples(
        self, plan: Plan, pairs: Sequence[tuple[PlannedFile, Removal]]
    ) -> dict[bytes, str]:
        files = [file for kept, one in pairs for file in (kept, one.file)]
        distinct = list({file.sha256: file for file in files}.values())
        limits = self._decoder(plan)
        batches = [
            SampleBatch(tuple(_content(plan, file) for file in some), limits)
            for some in _parts(distinct)
        ]
        outcomes: list[SampleOutcome] = self._run("comparing pixels", batches)
        digests = {f.sha256: o.digest for f, o in zip(distinct, outcomes, strict=True)}
        return {
            one.file.path: "its pixels are not those of the kept file"
            for kept, one in pairs
            if digests[one.file.sha256] is None or digests[one.file.sha256] != digests[kept.sha256]
        }

    def _run(self, stage: str, batches: Sequence[Batch[R]]) -> list[R]:
        """Run batches; return the results of all items in order."""
        if not batches:
            return []
        results: list[dict[int, R]] = [{} for _ in batches]
        with closing(self.options.run_stage(stage, "image", batches, None)) as done:
            for number, some in done:
                results[number] |= some
        return [some[place] for some in results for place in sorted(some)]

    def _by_method(self, plan: Plan, kept: PlannedFile, removal: Removal) -> str:
        """Say why the method does not find a removal once more; empty if it does."""
        if "weights=" in plan.method:
            return "the plan's method would load a file that the plan names"
        paths = [_path(plan, removal.file), _path(plan, kept)]
        options = replace(
            self._options(plan),
            jobs=1,
            executor="threads",
            discover=DiscoverOptions(reference=(paths[1],)),
        )
        try:
            again = find_duplicates(
                paths[0],
                plan.method,
                preset=plan.preset or "normal",  # type: ignore[arg-type]
                threshold=None if plan.preset else plan.threshold,
                options=options,
            )
        except ImgsimError as error:
            return f"the plan's method does not run: {error.message}"
        for group in again.groups:
            first = group.members[0].picture
            for member in group.members[1:]:
                if (first.digest, member.picture.digest) != (kept.sha256, removal.file.sha256):
                    continue
                if member.role == removal.role or member.role in REMOVABLE_ROLES:
                    return ""
                return f"by the method its role is {member.role}"
        return "the method does not find it to match"


def _content(plan: Plan, file: PlannedFile) -> Content:
    return Content(_path(plan, file), file.sha256)


def _path(plan: Plan, file: PlannedFile) -> str:
    return os.path.join(plan.root, native(file.path))


def _parts(files: Sequence[PlannedFile]) -> list[Sequence[PlannedFile]]:
    return [files[i : i + _BATCH] for i in range(0, len(files), _BATCH)]
