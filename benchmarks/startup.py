"""How long imgsim takes to start, against Python doing nothing.

python benchmarks/startup.py
"""

from __future__ import annotations

import argparse
import subprocess
import sys

from record import machine, spread, timed, write

CASES = {
    "python -c pass": ["-c", "pass"],
    "import imgsim": ["-c", "import imgsim"],
    "imgsim --version": ["-m", "imgsim", "--version"],
    "imgsim --help": ["-m", "imgsim", "--help"],
    "imgsim find-dupes --help": ["-m", "imgsim", "find-dupes", "--help"],
    "imgsim methods": ["-m", "imgsim", "methods"],
}
TIMES = 20


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()  # --help measures nothing
    seconds = {}
    for name, arguments in CASES.items():
        command = [sys.executable, *arguments]
        runs = timed(lambda c=command: subprocess.run(c, capture_output=True, check=True), TIMES, 2)
        seconds[name] = spread(runs)
        print(f"{name:26} {1000 * seconds[name]['median']:6.0f} ms")
    print(
        write(
            "startup",
            {
                **machine("python benchmarks/startup.py", "imgsim", "click", "numpy"),
                "seconds": seconds,
            },
        )
    )


if __name__ == "__main__":
    main()
