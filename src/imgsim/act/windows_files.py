"""Opens files on Windows so that they can be renamed and deleted while they are open.

There `os.open` lets nobody do that, not even the process itself; a removal has both files open
until it is done.
"""

from __future__ import annotations

import os
import sys

if sys.platform == "win32":
    import ctypes
    import msvcrt
    from ctypes import wintypes

    _READ, _WRITE = 0x80000000, 0x40000000
    _SHARE_READ, _SHARE_WRITE, _SHARE_DELETE = 1, 2, 4
    _CREATE_NEW, _OPEN_EXISTING = 1, 3
    _NORMAL = 0x80

    def open_shared(path: str, flags: int, mode: int = 0o600) -> int:
        """Open a file as `os.open` does, but share its deletion.

        See https://learn.microsoft.com/windows/win32/api/fileapi/nf-fileapi-createfilew.

        Parameters
        ----------
        path : str
        flags : int
            Of `os.open`; with ``O_CREAT`` also ``O_EXCL`` has to be among them.
        mode : int
            Not used: there are no permissions that it could set.

        Raises
        ------
        OSError
        """
        create = ctypes.WinDLL("kernel32", use_last_error=True).CreateFileW
        create.argtypes = (
            wintypes.LPCWSTR, wintypes.DWORD, wintypes.DWORD, wintypes.LPVOID, wintypes.DWORD,
            wintypes.DWORD, wintypes.HANDLE,
        )  # fmt: skip
        create.restype = wintypes.HANDLE
        access = _WRITE if flags & os.O_WRONLY else _READ
        if flags & os.O_RDWR:
            access = _READ | _WRITE
        handle = create(
            path, access, _SHARE_READ | _SHARE_WRITE | _SHARE_DELETE, None,
            _CREATE_NEW if flags & os.O_CREAT else _OPEN_EXISTING, _NORMAL, None,
        )  # fmt: skip
        if handle in (None, wintypes.HANDLE(-1).value):
            error = ctypes.WinError(ctypes.get_last_error())
            error.filename = path
            raise error
        return msvcrt.open_osfhandle(handle, flags & (os.O_APPEND | os.O_WRONLY | os.O_RDWR))

else:
    open_shared = os.open
