"""Answers to many groups at once, and what they would do."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from imgsim.addresses import folder_of, printable
from imgsim.decisions.records import ManyAnswer
from imgsim.decode.metadata import Metadata
from imgsim.errors import UsageError
from imgsim.group.keep import ALWAYS, Candidate, narrow, parse_keep
from imgsim.review.model import ReviewGroup
from imgsim.review.session import NotNow, Session
from imgsim.types import ROLES, Picture

_EXAMPLES = 12
_MOST_FOLDERS = 8
"""Of which a preview says how many files go; the others are counted together."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a rule does with a group.

    Attributes
    ----------
    group : ReviewGroup
    kept : Picture
    stay : tuple of Picture
        Other files that stay by the words of the rule, whatever they are to the kept one.
    going : tuple of Picture
        The files that may go if the group is accepted so. If another file is kept than before,
        the others are still to be compared with it.
    """

    group: ReviewGroup
    kept: Picture
    stay: tuple[Picture, ...]
    going: tuple[Picture, ...]

    @property
    def changes_keeper(self) -> bool:
        return self.kept.file.path != self.group.kept.file.path


@dataclass(frozen=True, slots=True)
class Rule:
    """Which groups are answered, and which of their files is kept.

    Attributes
    ----------
    by : {"folders", "role", "folder", "keep", "filter"}
        ``folders``: groups whose files all lie in the two folders, some in each; all files in
        `keep_in` stay. ``role``: of which the others have all one of `roles`. ``folder``: with
        a file below a folder and one outside; all files there stay, or only files there may go.
        ``keep``: the kept file is chosen by rules as those of ``--keep``. ``filter``: the groups
        named.
    folders : tuple of int
        By their numbers in the list of groups.
    keep_in : int
    roles, keep, groups : tuple of str
    stays : bool
    decided : bool
        Also groups that were answered before.
    """

    by: Literal["folders", "role", "folder", "keep", "filter"]
    folders: tuple[int, ...] = ()
    keep_in: int = -1
    roles: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    stays: bool = True
    decided: bool = False


def read_rule(given: Any) -> Rule:
    """Read a rule from the page.

    Raises
    ------
    UsageError
        It is none.
    """
    if not isinstance(given, dict):
        raise UsageError("a rule says which groups are meant", "")
    by, decided = given.get("by"), given.get("decided") is True
    groups = tuple(_texts(given, "groups")) if "groups" in given else ()
    if by == "folders":
        folders = _numbers(given.get("folders"))
        keep_in = given.get("keep_in")
        if len(set(folders)) != 2 or keep_in not in folders:
            raise UsageError("two folders, and in which of them files stay", "")
        return Rule(by, folders=folders, keep_in=int(keep_in), groups=groups, decided=decided)
    if by == "role":
        roles = tuple(_texts(given, "roles"))
        if not roles or not set(roles) <= set(ROLES):
            raise UsageError("roles that there are", f"of {', '.join(ROLES)}")
        return Rule(by, roles=roles, groups=groups, decided=decided)
    if by == "folder":
        what = given.get("what")
        if what not in ("stays", "goes"):
            raise UsageError("what lies in the folder stays or goes", "")
        folders = _numbers([given.get("folder")])
        return Rule(by, folders=folders, stays=what == "stays", groups=groups, decided=decided)
    if by == "keep":
        keep = tuple(_texts(given, "rules"))
        if not keep:
            raise UsageError("a rule of what is kept", "such as largest")
        parse_keep(keep)
        return Rule(by, keep=keep, groups=groups, decided=decided)
    if by == "filter":
        if not groups:
            raise UsageError("no groups are named", "")
        return Rule(by, groups=groups, decided=decided)
    raise UsageError("there is no such rule", "folders, role, folder, keep or filter")


def _texts(given: Mapping[str, Any], key: str) -> list[str]:
    value = given.get(key)
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise UsageError(f"{key} is a list of texts", "")
    return value


def _numbers(value: Any) -> tuple[int, ...]:
    if not isinstance(value, list) or not all(type(one) is int and one >= 0 for one in value):
        raise UsageError("folders are named by their numbers", "")
    return tuple(value)


class RuleRun:
    """Applies rules to the groups of a review.

    Parameters
    ----------
    session : Session
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def preview(self, rule: Rule, answer: ManyAnswer) -> dict[str, Any]:
        """Return what a rule would do; nothing is changed.

        Where another file would be kept, the others are compared with it only once that is
        decided: their bytes are counted as `bytes_at_most`. `basis` stands for what was counted.
        """
        with self._session.lock:
            self._session.take_in_if_changed()
            chosen, decided, impossible = self._chosen(rule, answer)
            basis = self._basis(chosen, answer)
        files = sure = perhaps = changes = 0
        places: Counter[str] = Counter()
        for one in chosen:
            if answer != "keep":
                files += len(one.group.pictures)
                continue
            going = one.going
            files += len(going)
            places.update(map(_place, going))
            changes += one.changes_keeper
            if one.changes_keeper or one.group.pending:
                own = sum(p.file.size_bytes for p in going)
                if all(p.digest == one.kept.digest for p in going):
                    sure += own
                else:
                    perhaps += own
            else:
                sure += sum(picture.file.freed_bytes for picture in going)
        most = sorted(places.items(), key=lambda item: (-item[1], os.fsencode(item[0])))
        return {
            "groups": len(chosen),
            "files": files,
            "bytes": str(sure),
            "bytes_at_most": str(sure + perhaps),
            "changes_keeper": changes,
            "folders": [
                {"folder": printable(name), "files": n} for name, n in most[:_MOST_FOLDERS]
            ],
            "further_folders": max(len(most) - _MOST_FOLDERS, 0),
            "examples": [one.group.id for one in chosen[:_EXAMPLES]],
            "not_possible": impossible,
            "already_decided": decided,
            "basis": basis,
        }

    def apply(self, rule: Rule, answer: ManyAnswer, basis: str) -> dict[str, Any]:
        """Answer the groups of a rule, all at once: one step to be taken back.

        Parameters
        ----------
        rule : Rule
        answer : {"keep", "keep-all", "not-duplicates"}
        basis : str
            Of the preview.

        Raises
        ------
        NotNow
            It would do something else than the preview said; nothing was changed.
        """
        with self._session.lock:
            self._session.take_in_if_changed()
            chosen, decided, impossible = self._chosen(rule, answer)
            if not chosen:
                raise NotNow("no group is meant by this rule", "see what it would do first")
            if basis != self._basis(chosen, answer):
                raise NotNow(
                    "the groups changed since it was said what this rule would do", "look again"
                )
            accepted = chosen if answer == "keep" else []
            answered = self._session.answer_each(
                [one.group for one in chosen],
                answer,
                {one.group.id: one.kept for one in accepted},
                {one.group.id: one.stay for one in accepted if one.stay},
            )
        return {
            "answered": len(answered),
            "not_possible": impossible + len(chosen) - len(answered),
            "already_decided": decided,
        }

    def _basis(self, chosen: Sequence[Chosen], answer: ManyAnswer) -> str:
        """What stands for the groups and files that a rule is about, as they are now."""
        session = self._session
        about = [
            (one.group.id, str(one.kept.file.path), [str(p.file.path) for p in one.going])
            for one in chosen
        ]
        known = json.dumps([session.generation, session.revision, answer, about])
        return hashlib.sha256(known.encode()).hexdigest()

    def _choose(self, group: ReviewGroup, kept: Picture, stay: Sequence[Picture]) -> Chosen:
        """What is done with a group if a file is kept and others stay beside it."""
        if kept.file.path == group.kept.file.path and not group.pending:
            able = [member.picture for member in group.removable]
        else:
            beside = self._session.answers.open_beside(group, kept)
            able = [picture for picture in beside if not picture.file.reference]
        paths = {picture.file.path for picture in stay}
        going = tuple(picture for picture in able if picture.file.path not in paths)
        return Chosen(group, kept, tuple(stay), going)

    def _chosen(self, rule: Rule, answer: ManyAnswer) -> tuple[list[Chosen], int, int]:
        """What a rule does with which groups; how many are decided, or impossible."""
        session = self._session
        with session.lock:
            if rule.groups:
                groups = [session.group(one) for one in rule.groups]
            else:
                groups = list(session.groups.values())
            folders = session.folders.paths
            metadata = session.metadata
        if any(number >= len(folders) for number in rule.folders):
            raise UsageError("there is no such folder", "look at the list again")
        names = [folders[number] for number in rule.folders]
        keep_in = folders[rule.keep_in] if rule.keep_in >= 0 else ""
        chosen: list[Chosen] = []
        decided = impossible = 0
        for group in groups:
            kept = _kept(rule, group, names, keep_in, metadata)
            if kept is None:
                continue
            one = self._choose(group, kept, _staying(rule, group, kept, names, keep_in))
            if group.answer not in (None, "mixed") and not rule.decided:
                decided += 1
            elif not _possible(one, answer):
                impossible += 1
            else:
                chosen.append(one)
        return chosen, decided, impossible


def _possible(one: Chosen, answer: ManyAnswer) -> bool:
    group = one.group
    if group.moved or group.changed:
        return False
    if answer == "not-duplicates":
        return len({picture.identity for picture in group.pictures}) > 1
    if answer != "keep":
        return True
    return bool(one.going) and not (one.changes_keeper and one.kept.facts.damage)


def _kept(
    rule: Rule,
    group: ReviewGroup,
    folders: Sequence[str],
    keep_in: str,
    metadata: Mapping[str, Metadata],
) -> Picture | None:
    """The file that is kept in a group by a rule; None where the rule does not mean it."""
    whole = [p for p in group.pictures if not p.facts.damage]
    if rule.by == "folders":
        if {_place(p) for p in group.pictures} != set(folders):
            return None
        return _first(group, [p for p in whole if _place(p) == keep_in])
    if rule.by == "folder":
        inside = [p for p in group.pictures if _lies_below(p, folders[0])]
        outside = [p for p in group.pictures if not _lies_below(p, folders[0])]
        if not inside or not outside:
            return None
        able = inside if rule.stays else outside
        return _first(group, [p for p in able if not p.facts.damage])
    if rule.by == "role":
        roles = {member.role for member in group.current.members[1:]}
        return group.kept if roles <= set(rule.roles) and not group.pending else None
    if rule.by == "keep":
        return _by_keep_rules(rule.keep, group, metadata)
    return group.kept


def _staying(
    rule: Rule, group: ReviewGroup, kept: Picture, folders: Sequence[str], keep_in: str
) -> tuple[Picture, ...]:
    """The files beside the kept one that stay by what a rule says of folders.

    A file of the same content as one of them stays too: what is decided of the content counts for
    both.
    """
    if rule.by == "folders":
        protected = [p for p in group.pictures if _place(p) == keep_in]
    elif rule.by == "folder":
        protected = [p for p in group.pictures if _lies_below(p, folders[0]) == rule.stays]
    else:
        return ()
    paths = {picture.file.path for picture in protected}
    contents = {picture.identity for picture in protected} - {kept.identity}
    return tuple(
        picture
        for picture in group.pictures
        if picture.file.path != kept.file.path
        and (picture.file.path in paths or picture.identity in contents)
    )


def _place(picture: Picture) -> str:
    return folder_of(picture.file.path) or os.curdir


def _first(group: ReviewGroup, able: Sequence[Picture]) -> Picture | None:
    """The file that is kept among those that may be: the one that is, if it may."""
    if any(one.file.path == group.kept.file.path for one in able):
        return group.kept
    return able[0] if able else None


def _lies_below(picture: Picture, folder: str) -> bool:
    own = os.path.join(os.path.abspath(folder_of(picture.file.path)), "")
    return own.startswith(os.path.join(os.path.abspath(folder), ""))


def _by_keep_rules(
    texts: Sequence[str], group: ReviewGroup, metadata: Mapping[str, Metadata]
) -> Picture:
    """The file that rules choose, by what is known without measuring.

    Where they leave several, or ask which file the others were made from, that which was proposed
    comes first.
    """
    left = [
        Candidate(p, metadata.get(p.digest, Metadata()), own_pixels=p.pixels)
        for p in group.pictures
    ]
    left, _ = narrow(left, ALWAYS)
    for rule in parse_keep(texts):
        if len(left) == 1:
            break
        if rule.text == "original":
            break
        left, _ = narrow(left, rule.criteria)
    able = [candidate.picture for candidate in left]
    proposed = group.proposed.kept.file.path
    return next((p for p in able if p.file.path == proposed), able[0])
