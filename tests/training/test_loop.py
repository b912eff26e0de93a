"""The training loop, on a regression small enough to know what must come out."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from imgsim.errors import ImgsimError
from imgsim.progress import Silent

torch = pytest.importorskip("torch", reason="needs the extra deep: torch")

from imgsim.training import loop  # noqa: E402
from imgsim.training.loop import BatchLoss, LoopOptions, train  # noqa: E402


class _Line:
    """Fits y = 3 x - 1; what it finds on the held-out points can be scripted."""

    batches_per_epoch = 4

    def __init__(self, seed: int = 0, scripted: list[float] | None = None) -> None:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.module = torch.nn.Sequential(torch.nn.Linear(1, 1), torch.nn.Dropout(0.1))
        self.scripted = scripted
        self.seen = 0
        self.stop_at: int | None = None
        self.saved: list[int] = []

    def parameter_groups(self):
        return [(list(self.module.parameters()), 1.0), ([], 0.1)]

    def set_training(self, training: bool) -> None:
        self.module.train(training)

    def epoch_batches(self, number: int) -> Iterator[object]:
        rng = np.random.default_rng([7, number])
        for _ in range(self.batches_per_epoch):
            x = torch.from_numpy(rng.uniform(-1, 1, (16, 1)).astype(np.float32))
            yield x, 3 * x - 1
            self.seen += 1
            if self.seen == self.stop_at:
                raise KeyboardInterrupt

    def loss(self, batch):
        x, y = batch
        error = ((self.module(x) - y) ** 2).mean()
        return BatchLoss(error + 1, error)

    def held_out_loss(self) -> float:
        if self.scripted is not None:
            return self.scripted.pop(0)
        x = torch.linspace(-1, 1, 9)[:, None]
        with torch.inference_mode():
            return float(self.loss((x, 3 * x - 1)).shown)

    def save(self, path: Path) -> None:
        self.saved.append(self.seen // self.batches_per_epoch)
        loop.save_tensors(self.module.state_dict(), path, {"imgsim": "{}"})

    def weights(self) -> list[float]:
        return [v for p in self.module.parameters() for v in p.detach().flatten().tolist()]


FAST = LoopOptions(epochs=8, learning_rate=0.2)


def test_it_learns_and_writes_down_how(tmp_path: Path) -> None:
    task = _Line()
    history = train(task, tmp_path, FAST, Silent(), resume=False)
    assert [e.number for e in history] == list(range(1, len(history) + 1))
    assert history[-1].held_out < 0.1 * history[0].held_out
    with (tmp_path / loop.HISTORY).open() as stream:
        rows = list(csv.DictReader(stream))
    assert [float(r["held_out"]) for r in rows] == [e.held_out for e in history]
    for row in rows:
        assert float(row["minimised"]) == pytest.approx(float(row["train"]) + 1)
    lowest = math.inf
    for epoch in history:
        assert epoch.best == (epoch.held_out < lowest)
        lowest = min(lowest, epoch.held_out)
    assert task.saved == [e.number for e in history if e.best]


def test_it_stops_when_the_held_out_loss_no_longer_falls(tmp_path: Path) -> None:
    task = _Line(scripted=[5.0, 4.0, 4.0, 4.5, 3.0, 3.0, 3.1, 9.0])
    options = LoopOptions(epochs=8, patience=2)
    history = train(task, tmp_path, options, Silent(), resume=False)
    assert len(history) == 4  # 4.0 was not beaten by the two epochs after it
    assert task.saved == [1, 2]
    assert loop.stopped_early(history, options)


@pytest.mark.parametrize("stop_at", [2, 4 * 3 + 2])
def test_a_stopped_run_goes_on_as_if_it_had_not_been(stop_at: int, tmp_path: Path) -> None:
    """Ctrl-C in the middle of the first epoch, or of the fourth."""
    straight, broken, resumed = _Line(), _Line(), _Line(seed=99)
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    expected = train(straight, tmp_path / "one", FAST, Silent(), resume=False)
    broken.stop_at = stop_at
    with pytest.raises(KeyboardInterrupt):
        train(broken, tmp_path / "two", FAST, Silent(), resume=False)
    checkpoint = torch.load(tmp_path / "two" / loop.CHECKPOINT, weights_only=True)
    assert len(checkpoint["history"]) == stop_at // 4
    history = train(resumed, tmp_path / "two", FAST, Silent(), resume=True)
    assert history == expected
    assert resumed.weights() == straight.weights()
    left = sorted(path.name for path in (tmp_path / "two").iterdir())
    weights = f"checkpoint-{len(history)}.safetensors"
    assert left == sorted([loop.CHECKPOINT, weights, loop.HISTORY, loop.MODEL])


def test_training_leaves_the_global_random_numbers_alone(tmp_path: Path) -> None:
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    train(_Line(), tmp_path, LoopOptions(epochs=1), Silent(), resume=False)
    assert torch.equal(torch.rand(4), expected)


def test_a_loss_that_is_no_number_ends_the_run(tmp_path: Path) -> None:
    with pytest.raises(ImgsimError, match="no number") as caught:
        train(_Line(scripted=[math.nan]), tmp_path, FAST, Silent(), resume=False)
    assert "--learning-rate" in caught.value.hint
    assert not (tmp_path / loop.MODEL).exists()


@pytest.mark.parametrize("content", [None, b"nonsense"])
def test_a_checkpoint_that_cannot_be_read(content: bytes | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / loop.CHECKPOINT).write_bytes(content)
    with pytest.raises(ImgsimError, match="cannot go on"):
        train(_Line(), tmp_path, FAST, Silent(), resume=True)
