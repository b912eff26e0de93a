"""`benchmarks/gpu.py` measures on a GPU; here its parts run on the CPU, small."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from imgsim.cli.main import main

torch = pytest.importorskip("torch", reason="needs the extra deep: torch")
pytest.importorskip("efficientnet_pytorch", reason="needs the extra deep")

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture(scope="module")
def gpu():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(BENCHMARKS)
        import gpu as script

        patch.setattr(script, "SIDE", 32)
        # more threads for networks this small spend most of their time spinning
        patch.setenv("OMP_NUM_THREADS", "1")  # of child processes
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        yield script
        torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def settings(gpu, tmp_path_factory: pytest.TempPathFactory):
    return gpu.settings_for("cpu", None, None, tmp_path_factory.mktemp("gpu"), small=True)


@pytest.fixture
def quick_command_line(
    gpu, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Commands run in this process."""

    def cli(s, *arguments: object, cache: str = "") -> subprocess.CompletedProcess[str]:
        capsys.readouterr()
        code = main([*map(str, arguments), "--executor", "threads"])
        return subprocess.CompletedProcess([], code, *capsys.readouterr())

    monkeypatch.setattr(gpu, "cli", cli)


def run(gpu, name: str, settings) -> dict:
    done = gpu.run_part(name, settings)
    if "skipped" in done:
        pytest.skip(done["skipped"])
    assert "error" not in done
    json.dumps(done)
    return done


def test_features_and_their_nearest_agree(gpu, settings) -> None:
    done = run(gpu, "features", settings)
    same = done["efficientnet_pytorch float32"]
    assert (same["cosine_min"], same["same_top_3"]) == (1.0, settings.sizes.images)
    assert 0.98 < done["efficientnet_pytorch bf16"]["cosine_min"] < 1


def test_memory_that_runs_out(gpu, settings) -> None:
    done = run(gpu, "memory", settings)
    assert done["tried_with_limit"][:3] == [8, 4, 2]
    assert done["backed_off"]
    assert done["limited_agrees"] < 1e-4
    assert done["tried_then"] == [8, 4, 2, 1]
    assert done["afterwards_agrees"] == 0


@pytest.mark.parametrize("name", ["batches", "throughput"])
def test_speeds(name: str, gpu, settings) -> None:
    done = run(gpu, name, settings)
    speeds = [v["images_per_second"] for v in done.values() if isinstance(v, dict)]
    assert len(speeds) >= 2
    assert min(speeds) > 0


def test_decoding_on_the_device(gpu, settings) -> None:
    done = run(gpu, "decoding", settings)
    assert done["of_the_same_size"] == done["photos"] == settings.sizes.images
    assert done["largest_difference"] < 60


@pytest.mark.parametrize("name", ["siamese", "autoencoder"])
def test_training(name: str, gpu, settings) -> None:
    done = run(gpu, name, settings)
    assert all(value == 0 for key, value in done.items() if "differ" in key)
    assert any("differ" in key for key in done)


def test_the_command_line(gpu, settings, quick_command_line: None) -> None:
    done = run(gpu, "command_line", settings)
    assert done["find-dupes: the same groups, kept files and members"]
    assert done["matches, cosine: the same"]["same_paths"] == done["files"]


def test_devices(gpu, settings, quick_command_line: None) -> None:
    done = run(gpu, "devices", settings)
    assert done["right"]
    assert done["auto"] == ("cuda" if torch.cuda.is_available() else "cpu")


def test_a_part_that_cannot_run_is_told_and_ends_nothing(
    gpu, settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(s) -> dict:
        raise RuntimeError("CUDA error: unspecified")

    monkeypatch.setitem(gpu.PARTS, "broken", (broken, (), 9))
    monkeypatch.setitem(gpu.PARTS, "lacks", (broken, ("no_such_package",), 9))
    assert gpu.run_part("broken", settings) == {"error": "RuntimeError: CUDA error: unspecified"}
    assert gpu.run_part("lacks", settings) == {"skipped": "not installed: no_such_package"}
    assert "Traceback" in capsys.readouterr().err


def test_the_file_is_whole_where_the_time_is_over(settings, tmp_path: Path) -> None:
    target = tmp_path / "gpu.json"
    command = [sys.executable, BENCHMARKS / "gpu.py", "--device=cpu", "-o", target]
    command += ["--weights", settings.weights, "--photos", settings.photos]
    done = subprocess.run([*command, "--parts", "tests", "--minutes=0.1"], capture_output=True)
    assert done.returncode == 0
    document = json.loads(target.read_text())
    assert document["parts"] == {"tests": {"skipped": "the 0.1 minutes were over"}}
    assert document["versions"]["imgsim"]
