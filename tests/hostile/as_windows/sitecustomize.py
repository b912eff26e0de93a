"""Takes from imgsim what Windows lacks, in this process and in those that it starts.

Python imports this by itself from a folder in PYTHONPATH. Modules of imgsim get an `os`, a
`signal` and others without what is not there on Windows, by the documentation of Python, and whose
calls refuse what Windows refuses: to rename or delete what is open or mapped, to delete what is
read-only, to open folders, descriptors of folders, links without a right to make them. All other
modules, Python's own among them, have what they need to run here.

Modules whose branch for Windows needs Windows itself stay as they are (`_AS_HERE`).
"""

import builtins
import errno
import os
import signal
import stat
import subprocess
import sys
import types

_AS_HERE = frozenset(
    """imgsim.locks imgsim.executors.limit imgsim.executors.progress
    imgsim.act.windows_files""".split()
)
_NO_MODULES = frozenset("fcntl grp posix pty pwd readline resource syslog termios tty".split())

_NOT_IN_OS = frozenset(
    """chown chroot confstr confstr_names copy_file_range ctermid eventfd fchdir fchmod fchown
    fdatasync fork forkpty fpathconf fstatvfs get_blocking getegid geteuid getgid getgrouplist
    getgroups getloadavg getpgid getpgrp getpriority getresgid getresuid getsid getuid getxattr
    grantpt initgroups killpg lchown listxattr lockf major makedev memfd_create minor mkfifo mknod
    nice openpty pathconf pathconf_names pipe2 posix_fadvise posix_fallocate posix_openpt
    posix_spawn posix_spawnp pread preadv ptsname pwrite pwritev register_at_fork removexattr
    sched_get_priority_max sched_get_priority_min sched_getaffinity sched_getparam
    sched_getscheduler sched_rr_get_interval sched_setaffinity sched_setparam sched_setscheduler
    sched_yield sendfile set_blocking setegid seteuid setgid setgroups setpgid setpriority
    setregid setresgid setresuid setreuid setsid setuid setxattr splice statvfs sync sysconf
    sysconf_names tcgetpgrp tcsetpgrp ttyname uname unshare wait wait3 wait4 waitid
    getrandom O_ACCMODE O_ASYNC O_CLOEXEC O_DIRECT O_DIRECTORY O_DSYNC O_LARGEFILE O_NDELAY
    O_NOATIME O_NOCTTY O_NOFOLLOW O_NONBLOCK O_PATH O_RSYNC O_SYNC O_TMPFILE""".split()
)
_OS_PREFIXES = ("SCHED_", "POSIX_", "PRIO_", "ST_", "RWF_", "XATTR_", "WIF", "WEX", "WTERM",
                "WNO", "CLD_", "EFD_", "GRND_", "MFD_", "RTLD_", "SPLICE_", "F_")  # fmt: skip
_SIGNALS = frozenset("SIGABRT SIGFPE SIGILL SIGINT SIGSEGV SIGTERM SIG_DFL SIG_IGN".split())
_NOT_IN_SIGNAL = frozenset(
    """alarm getitimer pause pthread_kill pthread_sigmask setitimer sigpending siginterrupt sigwait
    sigwaitinfo sigtimedwait ITIMER_PROF ITIMER_REAL ITIMER_VIRTUAL ItimerError""".split()
)
_BINARY, _NOINHERIT = 0x8000_0000, 0x4000_0000  # of no meaning here, where all files are binary

_shared: set[int] = set()
"""Descriptors of files that imgsim opens so that they may be renamed and deleted meanwhile."""


def _refuse(message: str, number: int = errno.EACCES) -> None:
    raise OSError(number, message)


def _is_open(path: object) -> bool:
    """Whether this process has a file open, or mapped, in a way that holds its name."""
    try:
        wanted = os.lstat(path)
    except (OSError, ValueError, TypeError):
        return False
    for number in os.listdir("/proc/self/fd"):
        if int(number) in _shared:
            continue
        try:
            status = os.fstat(int(number))
        except OSError:
            continue
        if (status.st_dev, status.st_ino) == (wanted.st_dev, wanted.st_ino):
            return True
    with open("/proc/self/maps", "rb") as maps:
        return any(os.path.realpath(os.fsencode(path)) == line.split(maxsplit=5)[-1].strip()
                   for line in maps if b"/" in line)  # fmt: skip


def _no_descriptors(names: dict[str, object]) -> None:
    if any(names.get(name) is not None for name in ("dir_fd", "src_dir_fd", "dst_dir_fd")):
        raise NotImplementedError("dir_fd unavailable on this platform")


def _open(path, flags, mode=0o777, *, dir_fd=None):
    _no_descriptors({"dir_fd": dir_fd})
    if os.path.isdir(path):
        _refuse("Permission denied")
    number = os.open(path, flags & ~(_BINARY | _NOINHERIT), mode)
    _shared.discard(number)
    return number


def _open_shared(path, flags, mode=0o777):
    """As ``windows_files.open_shared`` does by CreateFileW."""
    number = _open(path, flags, mode)
    _shared.add(number)
    return number


def _close(number):
    os.close(number)
    _shared.discard(number)


def _rename(path, new, **names):
    _no_descriptors(names)
    if os.path.lexists(new) and not os.path.samefile(path, new):
        raise FileExistsError(errno.EEXIST, "Cannot create a file when that file already exists")
    _replace(path, new)


def _replace(path, new, **names):
    _no_descriptors(names)
    if _is_open(path) or (os.path.lexists(new) and _is_open(new)):
        _refuse("The process cannot access the file because it is being used by another process")
    os.replace(path, new)


def _unlink(path, **names):
    _no_descriptors(names)
    if not os.lstat(path).st_mode & stat.S_IWUSR:
        _refuse("Access is denied")
    if _is_open(path):
        _refuse("The process cannot access the file because it is being used by another process")
    os.unlink(path)


def _link(path, new, *, src_dir_fd=None, dst_dir_fd=None, follow_symlinks=True):
    _no_descriptors({"src_dir_fd": src_dir_fd, "dst_dir_fd": dst_dir_fd})
    if not follow_symlinks:
        raise NotImplementedError("link: follow_symlinks unavailable on this platform")
    os.link(path, new)


def _symlink(*arguments, **names):
    _refuse("A required privilege is not held by the client", errno.EINVAL)


def _fsync(number):
    import fcntl

    if fcntl.fcntl(number, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
        _refuse("Bad file descriptor", errno.EBADF)
    os.fsync(number)


def _chmod(path, mode, *, dir_fd=None, follow_symlinks=True):
    _no_descriptors({"dir_fd": dir_fd})
    if isinstance(path, int):
        raise TypeError("chmod: path should be string, bytes or os.PathLike, not int")
    if not os.path.isdir(path):
        os.chmod(path, 0o666 if mode & stat.S_IWUSR else 0o444)


def _utime(path, times=None, *, ns=None, dir_fd=None, follow_symlinks=True):
    _no_descriptors({"dir_fd": dir_fd})
    if isinstance(path, int):
        raise TypeError("utime: path should be string, bytes or os.PathLike, not int")
    if ns is None:
        os.utime(path, times)
    else:
        os.utime(path, ns=ns)


class _Sys(types.ModuleType):
    """`sys` of another system."""

    def __getattr__(self, name):
        return getattr(sys, name)

    def __setattr__(self, name, value):
        setattr(sys, name, value)


class _Popen(subprocess.Popen):
    def __init__(self, *arguments, **names):
        if names.get("pass_fds") and "imgsim.executors.worker" not in str(arguments):
            raise AssertionError("pass_fds not supported on Windows.")
        if names.get("preexec_fn") is not None:
            raise ValueError("preexec_fn is not supported on Windows platforms")
        super().__init__(*arguments, **names)


def _without(module, lacking, prefixes=(), **instead):
    """A copy of a module without some of its names, and with others in their place."""
    made = types.ModuleType(module.__name__)
    for name, value in vars(module).items():
        if name not in lacking and not (prefixes and name.startswith(prefixes)):
            setattr(made, name, value)
    for name, value in instead.items():
        setattr(made, name, value)
    return made


_os = _without(
    os, _NOT_IN_OS, _OS_PREFIXES, name="nt", O_BINARY=_BINARY, O_NOINHERIT=_NOINHERIT, open=_open,
    close=_close, rename=_rename, replace=_replace, unlink=_unlink, remove=_unlink, link=_link,
    symlink=_symlink, fsync=_fsync, chmod=_chmod, utime=_utime, supports_dir_fd=set(),
    supports_effective_ids=set(), supports_fd={os.stat, os.truncate},
    supports_follow_symlinks={os.stat},
)  # fmt: skip
_lacking = {n for n in vars(signal) if n.startswith("SIG") and n not in _SIGNALS}
_MODULES = {
    "os": _os,
    "signal": _without(signal, _lacking | _NOT_IN_SIGNAL),
    "subprocess": _without(subprocess, (), Popen=_Popen),
}
_windows = _Sys("sys")
_windows.__dict__["platform"] = "win32"
_MODULES["sys"] = _windows
_import = builtins.__import__


def _import_as_windows(name, globals=None, locals=None, fromlist=(), level=0):
    importer = str((globals or {}).get("__name__"))
    if not importer.startswith("imgsim") or importer in _AS_HERE:
        return _import(name, globals, locals, fromlist, level)
    if level == 0 and name in _NO_MODULES:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    if level == 0 and name == "select":
        return _without(_import(name), {"poll", "epoll", "kqueue"})
    module = _import(name, globals, locals, fromlist, level)
    if name == "imgsim.act.windows_files":
        return _without(module, (), open_shared=_open_shared)
    return _MODULES.get(name, module) if level == 0 else module


builtins.__import__ = _import_as_windows
