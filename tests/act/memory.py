"""A file system in memory that forgets, at a crash, what was not synced; and faults in it."""

from __future__ import annotations

import errno
import os
import random
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from imgsim.act.files import Attributes, NotSupported, Status

ENDS = frozenset(("leave", "close"))
"""Calls that have no errors."""


class Crash(BaseException):
    """The power is cut."""


@dataclass
class Node:
    """A file, folder or link; `entries` of a folder name the numbers of others."""

    kind: str
    device: int
    data: bytes = b""
    mode: int = 0o644
    mtime_ns: int = 1
    owner: int = field(default_factory=lambda: os.geteuid() if hasattr(os, "geteuid") else 0)
    entries: dict[bytes, int] = field(default_factory=dict)
    immutable: bool = False
    attributes: Attributes = field(default_factory=Attributes)

    def copy(self) -> Node:
        return Node(
            self.kind, self.device, self.data, self.mode, self.mtime_ns, self.owner,
            dict(self.entries), self.immutable, self.attributes,
        )  # fmt: skip


Change = tuple[int, bytes, int | None]
"""In a folder a name means a node from now on, or nothing."""


class MemoryFiles:
    """Keeps what is seen now apart from what is on disk.

    Changes of names reach the disk in their order, device by device, as journaling file systems
    have it; the content of a file only when it is synced, or by chance.

    Attributes
    ----------
    calls : int
        So far.
    before : callable or None
        Called before each call with its name.
    no_rename, no_links : bool
        As on file systems that lack them.
    plain : set of int
        Devices that keep neither groups nor extended attributes.
    """

    def __init__(self, devices: tuple[str, ...] = ("/",)) -> None:
        self.nodes: dict[int, Node] = {}
        self.disk: dict[int, Node] = {}
        self.pending: dict[int, list[list[Change]]] = {}
        self.open: dict[int, list[int]] = {}
        self.mounts: dict[str, int] = {}
        self.calls = 0
        self.before: Callable[[str], None] | None = None
        self.no_rename = self.no_links = False
        self.plain: set[int] = set()
        self._next = 10
        self._clock = 1_000_000
        self.locked = False
        for number, path in enumerate(devices):
            root = self._add(Node("folder", number + 1, mode=0o755))
            self.disk[root] = self.nodes[root].copy()
            self.mounts[path] = root
            self.pending[number + 1] = []

    # What tests do ----------------------------------------------------------------------------

    def _add(self, node: Node) -> int:
        self._next += 1
        self.nodes[self._next] = node
        return self._next

    def root_of(self, path: str) -> tuple[int, list[bytes]]:
        mount = max(
            (m for m in self.mounts if (path + "/").startswith(m.rstrip("/") + "/")), key=len
        )
        rest = path[len(mount) :].strip("/")
        return self.mounts[mount], [os.fsencode(p) for p in rest.split("/") if p]

    def find(self, path: str) -> int | None:
        number, parts = self.root_of(path)
        for part in parts:
            node = self.nodes[number]
            if node.kind != "folder" or part not in node.entries:
                return None
            number = node.entries[part]
        return number

    def put(self, path: str, data: bytes, mode: int = 0o644, mtime_ns: int = 1) -> int:
        """Write a file, as another program does: at once, and to the disk."""
        folder, parts = self.root_of(path)
        for part in parts[:-1]:
            entries = self.nodes[folder].entries
            if part not in entries:
                entries[part] = self._add(Node("folder", self.nodes[folder].device, mode=0o755))
            folder = entries[part]
        number = self._add(Node("file", self.nodes[folder].device, data, mode, mtime_ns))
        self.nodes[folder].entries[parts[-1]] = number
        return number

    def drop(self, path: str) -> None:
        folder = self.find(path.rpartition("/")[0])
        if folder is not None:
            self.nodes[folder].entries.pop(os.fsencode(path.rpartition("/")[2]), None)

    def settle(self) -> None:
        """Everything reaches the disk."""
        self.disk = {number: node.copy() for number, node in self.nodes.items()}
        for changes in self.pending.values():
            changes.clear()

    def settle_names(self) -> None:
        """What another program did reaches the disk, and with it all that came before."""
        for changes in self.pending.values():
            for change in changes:
                self._apply(change)
            changes.clear()
        for number, node in self.nodes.items():
            if number not in self.disk:
                self.disk[number] = node.copy()
            elif node.kind == "folder":
                self.disk[number].entries = dict(node.entries)
            elif not any(number == opened for opened, _ in self.open.values()):
                self.disk[number] = node.copy()

    def crash(self, chance: random.Random) -> None:
        """Lose what is not on disk, but for what got there by chance."""
        for changes in self.pending.values():
            for change in changes[: chance.randint(0, len(changes))]:
                self._apply(change)
            changes.clear()
        for number, node in self.disk.items():
            live = self.nodes[number]
            if node.kind == "file" and live.data != node.data:
                new = live.data[len(node.data) :]  # files are only added to
                node.data += chance.choice([b"", new, new[: len(new) // 2], bytes(len(new))])
        self.nodes = {number: node.copy() for number, node in self.disk.items()}
        self.open.clear()
        self.before = None
        self.locked = False

    def _apply(self, changes: list[Change]) -> None:
        for folder, name, number in changes:
            entries = self.disk[folder].entries
            if number is None:
                entries.pop(name, None)
            else:
                if number not in self.disk:
                    fresh = self.nodes[number].copy()
                    fresh.entries.clear()
                    if fresh.kind == "file":
                        fresh.data = b""
                    self.disk[number] = fresh
                entries[name] = number

    def tree(self, path: str) -> dict[bytes, Node]:
        """All files below a folder, by their paths."""
        top = self.find(path)
        assert top is not None
        return dict(self._walk(top, b""))

    def _walk(self, number: int, above: bytes) -> Iterator[tuple[bytes, Node]]:
        for name, inner in self.nodes[number].entries.items():
            node = self.nodes[inner]
            if node.kind == "folder":
                yield from self._walk(inner, above + name + b"/")
            else:
                yield above + name, node

    # The calls --------------------------------------------------------------------------------

    def _call(self, name: str) -> None:
        self.calls += 1
        if self.before is not None:
            self.before(name)

    def _names(self, folder: int) -> dict[bytes, int]:
        return self.nodes[folder].entries

    def _get(self, folder: int, name: bytes) -> int:
        if name not in self._names(folder):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        return self._names(folder)[name]

    def _change(self, *changes: Change) -> None:
        for folder, name, number in changes:
            if number is None:
                del self.nodes[folder].entries[name]
            else:
                self.nodes[folder].entries[name] = number
        self.pending[self.nodes[changes[0][0]].device].append(list(changes))

    def _status(self, number: int) -> Status:
        node = self.nodes[number]
        links = sum(
            list(other.entries.values()).count(number)
            for other in self.nodes.values()
            if other.kind == "folder"
        )
        kinds = {"file": stat.S_IFREG, "folder": stat.S_IFDIR, "link": stat.S_IFLNK}
        return Status(
            kinds[node.kind] | node.mode, len(node.data), node.mtime_ns, node.device, number,
            links, node.owner,
        )  # fmt: skip

    def make_root(self, path: str) -> None:
        self._call("make_root")
        folder, parts = self.root_of(path)
        for part in parts:
            if part not in self._names(folder):
                number = self._add(Node("folder", self.nodes[folder].device, mode=0o755))
                self._change((folder, part, number))
            folder = self._names(folder)[part]

    def lock(self, path: str):
        self._call("lock")
        if self.locked:
            return None
        self.locked = True
        files = self

        class Held:
            def close(self) -> None:
                files.locked = False

        return Held()

    def lock_tree(self, path: str):
        self._call("lock_tree")

        class Held:
            def close(self) -> None:
                pass

        return Held()

    def open_root(self, path: str) -> int:
        self._call("open_root")
        number = self.find(path)
        if number is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        return number

    def enter(self, folder: int, name: bytes) -> int:
        self._call("enter")
        number = self._get(folder, name)
        if self.nodes[number].kind != "folder":
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        return number

    def leave(self, folder: int) -> None:
        pass

    def names(self, folder: int) -> list[bytes]:
        self._call("names")
        return sorted(self._names(folder))

    def make_folder(self, folder: int, name: bytes) -> None:
        self._call("make_folder")
        if name in self._names(folder):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
        number = self._add(Node("folder", self.nodes[folder].device, mode=0o700))
        self._change((folder, name, number))

    def remove_folder(self, folder: int, name: bytes) -> None:
        self._call("remove_folder")
        if self.nodes[self._get(folder, name)].entries:
            raise OSError(errno.ENOTEMPTY, os.strerror(errno.ENOTEMPTY))
        self._change((folder, name, None))

    def sync_folder(self, folder: int) -> None:
        self._call("sync_folder")
        changes = self.pending[self.nodes[folder].device]
        last = max(
            (i for i, some in enumerate(changes) if any(c[0] == folder for c in some)), default=-1
        )
        for some in changes[: last + 1]:
            self._apply(some)
        del changes[: last + 1]

    def folder_status(self, folder: int) -> Status:
        self._call("folder_status")
        return self._status(folder)

    def status(self, folder: int, name: bytes) -> Status:
        self._call("status")
        return self._status(self._get(folder, name))

    def open_file(self, folder: int, name: bytes) -> int:
        self._call("open_file")
        number = self._get(folder, name)
        if self.nodes[number].kind != "file":
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        return self._opened(number)

    def _opened(self, number: int) -> int:
        self._next += 1
        self.open[self._next] = [number, 0]
        return self._next

    def create_file(self, folder: int, name: bytes) -> int:
        self._call("create_file")
        if name in self._names(folder):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
        self._clock += 1
        node = Node("file", self.nodes[folder].device, b"", 0o600, self._clock)
        number = self._add(node)
        self._change((folder, name, number))
        return self._opened(number)

    def open_to_append(self, folder: int, name: bytes) -> int:
        self._call("open_to_append")
        return self._opened(self._get(folder, name))

    def file_status(self, file: int) -> Status:
        self._call("file_status")
        return self._status(self.open[file][0])

    def is_immutable(self, file: int) -> bool:
        self._call("is_immutable")
        return self.nodes[self.open[file][0]].immutable

    def is_folder_immutable(self, folder: int) -> bool:
        self._call("is_folder_immutable")
        return self.nodes[folder].immutable

    def read(self, file: int, size: int) -> bytes:
        self._call("read")
        number, place = self.open[file]
        data = self.nodes[number].data[place : place + min(size, 16)]
        self.open[file][1] += len(data)
        return data

    def rewind(self, file: int) -> None:
        self._call("rewind")
        self.open[file][1] = 0

    def write(self, file: int, data: bytes) -> int:
        self._call("write")
        node = self.nodes[self.open[file][0]]
        self._clock += 1
        node.data += data
        node.mtime_ns = self._clock
        return len(data)

    def sync_file(self, file: int) -> None:
        self._call("sync_file")
        number = self.open[file][0]
        node = self.nodes[number]
        kept = self.disk.setdefault(number, node.copy())
        kept.data, kept.mode, kept.mtime_ns = node.data, node.mode, node.mtime_ns
        kept.attributes = node.attributes

    def attributes(self, file: int) -> Attributes:
        self._call("attributes")
        return self.nodes[self.open[file][0]].attributes

    def set_attributes(
        self, file: int, mode: int, mtime_ns: int, more: Attributes | None = None
    ) -> tuple[str, ...]:
        self._call("set_attributes")
        node = self.nodes[self.open[file][0]]
        node.mode, node.mtime_ns = stat.S_IMODE(mode), mtime_ns
        if more is None:
            return ()
        if node.device in self.plain:  # as FAT
            return ("the group", "attributes")
        node.attributes = more
        return ()

    def set_folder_mode(self, folder: int, mode: int) -> None:
        self._call("set_folder_mode")
        self.nodes[folder].mode = stat.S_IMODE(mode)

    def why_not_to_write(self, folder: int) -> str:
        self._call("why_not_to_write")
        return ""

    def close(self, file: int) -> None:
        self.open.pop(file, None)

    def _check_target(self, folder: int, to: int, new: bytes) -> None:
        if self.nodes[folder].device != self.nodes[to].device:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        if new in self._names(to):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))

    def rename(self, folder: int, name: bytes, to: int, new: bytes) -> None:
        self._call("rename")
        if self.no_rename and self.nodes[folder].device == self.nodes[to].device:
            raise NotSupported("renaming without replacing")
        number = self._get(folder, name)
        self._check_target(folder, to, new)
        self._change((folder, name, None), (to, new, number))

    def rename_within(self, folder: int, name: bytes, new: bytes) -> None:
        self._call("rename_within")
        number = self._get(folder, name)
        self._change((folder, name, None), (folder, new, number))

    def link(self, folder: int, name: bytes, to: int, new: bytes) -> None:
        self._call("link")
        if self.no_links:
            raise NotSupported("hard links")
        number = self._get(folder, name)
        self._check_target(folder, to, new)
        self._change((to, new, number))

    def make_symlink(self, target: bytes, folder: int, name: bytes) -> None:
        self._call("make_symlink")
        if name in self._names(folder):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
        self._change((folder, name, self._add(Node("link", self.nodes[folder].device, target))))

    def link_target(self, folder: int, name: bytes) -> bytes:
        self._call("link_target")
        node = self.nodes[self._get(folder, name)]
        if node.kind != "link":
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        return node.data

    def remove(self, folder: int, name: bytes) -> None:
        self._call("remove")
        self._get(folder, name)
        self._change((folder, name, None))

    @property
    def shares_in_place(self) -> bool:
        return False

    def can_share(self, file: int) -> bool:
        return True

    def shares_blocks(self, file: int, other: int) -> bool:
        return False

    def clone(self, source: int, folder: int, name: bytes) -> int:
        self._call("clone")
        file = self.create_file(folder, name)
        self.nodes[self.open[file][0]].data = self.nodes[self.open[source][0]].data
        return file

    def share_content(self, source: int, target: int, size: int) -> int:
        self._call("share_content")
        raise NotSupported("shared blocks")
