"""``python -m imgsim.testing METHOD...``: the conformance kit from a terminal."""

from __future__ import annotations

import argparse
import sys

from imgsim.comparators import registry
from imgsim.errors import ImgsimError
from imgsim.testing import check_comparator, check_golden, check_import, write_golden


def run(arguments: list[str] | None = None) -> int:
    """Check methods, as ``--method`` names them.

    Returns
    -------
    int
        0 all keep to the contract, 1 one does not, 2 one cannot be used.
    """
    parser = argparse.ArgumentParser("python -m imgsim.testing", description=__doc__)
    parser.add_argument("method", nargs="+", metavar="NAME[:field=value,...]")
    parser.add_argument("--golden", metavar="FILE", help="compare the rows with this golden file")
    parser.add_argument(
        "--update-golden", action="store_true", help="write the rows to the golden file"
    )
    parser.add_argument(
        "--tolerance",
        type=float,
        default=0.0,
        help="largest difference between the row of an image alone and in a batch (0)",
    )
    given = parser.parse_args(arguments)
    if given.update_golden and not given.golden:
        parser.error("--update-golden needs --golden FILE")
    code = 0
    for text in given.method:
        try:
            name = text.partition(":")[0]
            if name in registry.names():
                check_import(name)  # in another process: it may end this one, or hang
            comparator = registry.parse(text)
            check_comparator(comparator, tolerance=given.tolerance)
            if given.update_golden:
                write_golden(comparator, given.golden)
                print(
                    f"{text}: rows of version {comparator.extractor.version} written to"
                    f" {given.golden}"
                )
            if given.golden:
                check_golden(comparator, given.golden, tolerance=given.tolerance)
        except ImgsimError as error:
            print(f"{text}: {error.message} ({error.hint})", file=sys.stderr)
            code = 2
        except AssertionError as error:
            print(f"{text}: {error}", file=sys.stderr)
            code = max(code, 1)
        except (Exception, SystemExit) as error:  # a method may raise anything at all
            cause = " ".join(f"{type(error).__name__}: {error}".split())
            print(f"{text}: fails where it is used: {cause}", file=sys.stderr)
            code = max(code, 1)
        else:
            print(f"{text}: keeps to the contract")
    return code


if __name__ == "__main__":
    sys.exit(run())
