"""``imgsim``, and ``python -m imgsim``."""

import gc
import sys

_INTERRUPTED = 130


def run() -> None:
    """Run the program and exit."""
    try:
        from imgsim.cli.main import main

        code = main(sys.argv[1:])
        if code == _INTERRUPTED:
            from imgsim.cli.signals import ignore_more_interrupts

            ignore_more_interrupts()
    except KeyboardInterrupt:  # while it was loaded
        code = _INTERRUPTED
    if "imgsim.executors.daft_engine" in sys.modules:
        from imgsim.executors.daft_engine import leave, started

        if started():
            leave(code)
    gc.freeze()  # else Python searches all objects for garbage before it ends: .08 s
    sys.exit(code)


if __name__ == "__main__":
    run()
