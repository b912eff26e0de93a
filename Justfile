# What there is to do here; `just --list` shows it.

# Everything that CI checks
ci:
    bash .ci/run

test *arguments:
    python -m pytest {{arguments}}

# Formatting, lint and types
lint:
    ruff format .
    ruff check --fix .
    mypy

# Small changes of the sources that the tests do not notice; `just mutate --help` has the options
mutate *arguments:
    python benchmarks/mutants.py {{arguments}}

# A software bill of materials (CycloneDX) of what `pip install imgsim` brings, in FILE
sbom FILE="sbom.json":
    python -m venv .venv-release && .venv-release/bin/pip install --quiet .
    python -m venv .venv-audit && .venv-audit/bin/pip install --quiet cyclonedx-bom
    .venv-audit/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible \
        --output-file {{FILE}} .venv-release/bin/python

# Known flaws of what is installed, as the Python Packaging Advisory Database has them
audit:
    python -m venv .venv-audit && .venv-audit/bin/pip install --quiet pip-audit
    .venv-audit/bin/pip-audit --path "$(python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"

# All benchmarks; the pictures are made in DIR
bench DIR="/tmp/imgsim-bench":
    python benchmarks/startup.py
    python benchmarks/find_dupes.py {{DIR}} --images 1000
    python benchmarks/find_dupes.py {{DIR}} --images 20000
    python benchmarks/duplicate_finders.py {{DIR}}/finders --environments {{DIR}}/environments --install

# What methods find, and what their presets give, on the pictures in DATA
bench-methods DATA WEIGHTS DIR="/tmp/imgsim-methods":
    python benchmarks/methods.py {{DIR}} {{DATA}} --weights {{WEIGHTS}}
    python benchmarks/calibrate.py {{DIR}}/calibrate --weights {{WEIGHTS}} \
        --sources {{DATA}}/photos {{DATA}}/clothing {{DATA}}/receipts \
        --others {{DATA}}/grocery {{DATA}}/kodak

# The rate of false pairs of every method, from the pictures in FOLDERS, which are all different
false-pairs +FOLDERS:
    python benchmarks/false_pairs.py {{FOLDERS}}
