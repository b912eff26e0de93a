"""``imgsim``, and ``python -m imgsim``."""

import sys


def run() -> None:
    """Run the program and exit."""
    try:
        from imgsim.cli.main import main

        code = main(sys.argv[1:])
    except KeyboardInterrupt:  # while it was loaded
        code = 130
    sys.exit(code)


if __name__ == "__main__":
    run()
