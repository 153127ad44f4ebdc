"""The model: a layer of weights, on the worker's GPU by PyTorch or CuPy, else in plain Python."""

import random
from functools import cache
from typing import Any, Protocol

INPUTS, CLASSES = 64, 10
loads: list[str] = []  # with which library, each time


class Model(Protocol):
    """What a worker keeps in memory."""

    library: str

    def classify(self, inputs: list[list[float]]) -> list[int]:
        """The class of each input: that with the highest score."""


@cache  # once in each worker
def load() -> Model:
    """The model, with the first library that is there and finds a GPU."""
    model = _first_that_works(read_weights())
    loads.append(model.library)
    return model


def _first_that_works(weights: list[list[float]]) -> Model:
    for make in (OnTorch, OnCupy):
        try:
            return make(weights)
        except (ImportError, RuntimeError):  # it is not installed, or finds no GPU
            continue
    return InPython(weights)


def read_weights() -> list[list[float]]:
    """Stands for a file of weights that takes a while to read."""
    numbers = random.Random(1)
    return [[numbers.gauss(0, 1) for _ in range(CLASSES)] for _ in range(INPUTS)]


def read_input(number: int) -> list[float]:
    """Stands for an image or a text that is read from a file."""
    numbers = random.Random(number)
    return [numbers.gauss(0, 1) for _ in range(INPUTS)]


class OnTorch:
    """By PyTorch."""

    library = "PyTorch"

    def __init__(self, weights: list[list[float]]) -> None:
        import torch

        self._torch: Any = torch
        # CUDA_VISIBLE_DEVICES shows a worker its own GPU alone, as number 0
        self._weights = torch.tensor(weights, device="cuda:0")

    def classify(self, inputs: list[list[float]]) -> list[int]:
        """The class of each input."""
        scores = self._torch.tensor(inputs, device="cuda:0") @ self._weights
        found: list[int] = scores.argmax(dim=1).tolist()
        return found


class OnCupy:
    """By CuPy."""

    library = "CuPy"

    def __init__(self, weights: list[list[float]]) -> None:
        import cupy

        self._cupy: Any = cupy
        self._weights = cupy.array(weights)

    def classify(self, inputs: list[list[float]]) -> list[int]:
        """The class of each input."""
        found: list[int] = (self._cupy.array(inputs) @ self._weights).argmax(axis=1).tolist()
        return found


class InPython:
    """Without a library."""

    library = "plain Python"

    def __init__(self, weights: list[list[float]]) -> None:
        self._columns = list(zip(*weights, strict=True))

    def classify(self, inputs: list[list[float]]) -> list[int]:
        """The class of each input."""
        return [max(range(CLASSES), key=self._scores(each).__getitem__) for each in inputs]

    def _scores(self, one: list[float]) -> list[float]:
        return [sum(map(float.__mul__, one, column)) for column in self._columns]
