"""The DataModule: microbatches from the present update on, the same whatever the workers and resumes."""

import itertools
from collections.abc import Iterator

import pytorch_lightning as pl
from torch.utils.data import DataLoader, Sampler

from ablate.data.batches import Batches


class Onward(Sampler[int]):
    """The numbers of all microbatches from `start` on; a batch is a function of its number."""

    def __init__(self, start: int) -> None:
        self.start = start

    def __iter__(self) -> Iterator[int]:
        return itertools.count(self.start)


class PretrainingData(pl.LightningDataModule):
    """Serves `Batches` by number, going on where a checkpoint left off."""

    def __init__(self, batches: Batches, *, accumulate: int, workers: int) -> None:
        super().__init__()
        self.batches, self.accumulate, self.workers = batches, accumulate, workers

    def train_dataloader(self) -> DataLoader:
        """An endless loader; the trainer's budget ends it."""
        assert self.trainer is not None
        start = self.trainer.global_step * self.accumulate
        return DataLoader(
            self.batches, batch_size=None, sampler=Onward(start), num_workers=self.workers,
            pin_memory=self.trainer.strategy.root_device.type == "cuda",
        )  # fmt: skip
