"""Lets some files end the worker that reads or compares them: ``sitecustomize`` of a run.

A file whose name begins with ``ends-reader`` ends the process that decodes it, and one whose name
begins with ``ends-judge`` the process that compares it.
"""

import os
import signal
import sys


def _harm() -> None:
    from imgsim.read.extract import ExtractBatch
    from imgsim.verify.batch import PixelSource

    read, grey = ExtractBatch._read, PixelSource.grey

    def read_or_end(self, path, *rest):
        if os.path.basename(path).startswith("ends-reader"):
            os._exit(3 + 4)
        return read(self, path, *rest)

    def grey_or_end(self, path, *rest):
        if os.path.basename(path).startswith("ends-judge"):
            os.kill(os.getpid(), signal.SIGKILL)
        return grey(self, path, *rest)

    ExtractBatch._read = read_or_end
    PixelSource.grey = grey_or_end


if any("imgsim.executors.worker" in argument for argument in sys.orig_argv):
    _harm()
