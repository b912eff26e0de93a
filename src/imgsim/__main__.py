"""``python -m imgsim``."""

from imgsim.cli.main import run

if __name__ == "__main__":
    run()
