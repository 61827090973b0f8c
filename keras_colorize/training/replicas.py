"""The devices and machines that share a training, and what they tell each other.

A *replica* is a device with a copy of the networks; a *worker* is a process with one or more of
them; the first worker is the chief, who writes. Replicas exchange gradients and moments within a
step; what is here is for the time between steps.
"""

import contextlib
import functools
import json
import logging
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_colorize.config import Distribution
from keras_colorize.errors import ConfigError, DataError, RunError

__all__ = ["Replicas", "find_worker", "join"]

_log = logging.getLogger(__name__)

# What TensorFlow raises where a worker has gone, or never was.
_LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.InternalError,
    tf.errors.UnknownError,
)
_TELLING = ("aborted by", "UNAVAILABLE", "heartbeat", "Connection", "timed out", "address")
_LONGEST = 200  # characters of a reason
_APART = 1_000_003  # between the seeds of two replicas, of which the counter is no part
_EXAMPLE = (
    '{"cluster": {"worker": ["host1:2222", "host2:2222"]}, "task": {"type": "worker", "index": 0}}'
)


@dataclass(frozen=True)
class Replicas:
    """Who trains together; without a strategy, one device alone.

    What says so has to be called by all workers, in the same order: each waits for the others.

    Attributes:
        strategy: TensorFlow's, which runs what all replicas do.
        worker: number of this process, from 0, the chief.
        workers: number of processes.
    """

    strategy: tf.distribute.Strategy | None = None
    worker: int = 0
    workers: int = 1

    @property
    def is_chief(self) -> bool:
        """Whether this process writes the run."""
        return self.worker == 0

    @property
    def count(self) -> int:
        """Replicas of all workers."""
        return 1 if self.strategy is None else self.strategy.num_replicas_in_sync

    def scope(self) -> AbstractContextManager[Any]:
        """Variables made within have a copy on each replica."""
        return contextlib.nullcontext() if self.strategy is None else self.strategy.scope()

    @contextlib.contextmanager
    def watch(self, checkpoint: Callable[[], str] | None = None) -> Iterator[None]:
        """Turn what TensorFlow raises into an error of ours, as far as it is one of the run.

        Args:
            checkpoint: says where the run stands, if this worker knows.

        Raises:
            RunError: a worker is lost, or the memory is full.
            DataError: while photographs were read.
        """
        try:
            yield
        except tf.errors.OpError as error:
            # What Python raises within tf.data arrives as text.
            if told := re.search(rf"\b{DataError.__name__}: (.+)", error.message):
                raise DataError(told[1]) from error
            if isinstance(error, tf.errors.ResourceExhaustedError):
                raise RunError(
                    "the memory of the device is full; lower data.batch_size or data.sizes, in a "
                    f"run of another name ({_reason(error)})"
                ) from error
            if self.workers == 1 or not isinstance(error, _LOST):
                raise
            raise RunError(
                f"worker {self.worker} of {self.workers} has lost another: it ended, or cannot be "
                f"reached ({_reason(error)}); see what it printed, then give every worker the same "
                "command again, which goes on from the last checkpoint"
                + (f"; {checkpoint()}" if checkpoint else "")
            ) from error

    def total(self, values: np.ndarray) -> np.ndarray:
        """The sum over the workers of an array, of the same shape on each; all have to call it."""
        if self.strategy is None or self.workers == 1:
            return values
        local = self.count // self.workers

        def of_worker(context: Any) -> tf.Tensor:
            first = context.replica_id_in_sync_group % local == 0
            return tf.constant(values if first else np.zeros_like(values))

        distributed = self.strategy.experimental_distribute_values_from_function(of_worker)
        return self.strategy.reduce(tf.distribute.ReduceOp.SUM, distributed, axis=None).numpy()

    def gather(self, text: str) -> list[str]:
        """A text of each worker, the chief's first; all have to call it."""
        own = np.frombuffer(text.encode(), np.uint8)
        lengths = np.zeros(self.workers, np.int32)
        lengths[self.worker] = len(own)
        lengths = self.total(lengths)
        table = np.zeros((self.workers, max(lengths)), np.int32)
        table[self.worker, : len(own)] = own
        table = self.total(table)
        return [
            row[:length].astype(np.uint8).tobytes().decode()
            for row, length in zip(table, lengths, strict=True)
        ]

    def check_same_settings(self, settings: Mapping[str, Any]) -> None:
        """Compare the workers' settings, values that JSON knows; all have to call it.

        Raises:
            ConfigError: they differ, on every worker.
        """
        chief, *others = map(json.loads, self.gather(json.dumps(settings)))
        for number, other in enumerate(others, 1):
            differences = [
                f"{name}: {chief.get(name)} and {other.get(name)}"
                for name in dict.fromkeys([*chief, *other])
                if chief.get(name) != other.get(name)
            ]
            if differences:
                raise ConfigError(
                    f"workers 0 and {number} were given different settings "
                    f"({'; '.join(differences)}); give all workers the same"
                )

    def check_same_photographs(self, fingerprint: str) -> None:
        """Compare the photographs that the workers found; all have to call it.

        Raises:
            DataError: they differ, on every worker.
        """
        chief, *others = self.gather(fingerprint)
        for number, other in enumerate(others, 1):
            if other != chief:
                raise DataError(
                    f"workers 0 and {number} found different photographs: data.modern and "
                    "data.historical must hold the same usable files on every machine"
                )

    def wait(self) -> None:
        """Wait until all workers are here; all have to call it."""
        self.total(np.zeros(1, np.float32))

    def take_over(self, variables: Sequence[keras.Variable], facts: Any) -> Any:
        """Give all workers the chief's values of variables; all have to call it.

        Args:
            variables: in the same order on every worker.
            facts: something that JSON knows.

        Returns:
            The chief's facts.
        """
        if self.workers == 1:
            return facts
        for kind in (np.float32, np.int64):
            chosen = [v for v in variables if (v.dtype == "float32") == (kind == np.float32)]
            arrays = [np.asarray(v).astype(kind) for v in chosen]
            flat = np.concatenate([array.ravel() for array in arrays])
            flat = self.total(flat if self.is_chief else np.zeros_like(flat))
            ends = np.cumsum([array.size for array in arrays])
            for variable, part in zip(chosen, np.split(flat, ends[:-1]), strict=True):
                variable.assign(part.reshape(variable.shape).astype(variable.dtype))
        return json.loads(self.gather(json.dumps(facts))[0])

    def tell_apart(self, seeds: Sequence[keras.Variable]) -> None:
        """Let each replica draw numbers of its own, from states that are the chief's first one's.

        Args:
            seeds: states of random generators, integers ``(2,)``: seed and counter.
        """
        if self.strategy is None:
            return

        def shift() -> None:
            number = tf.cast(tf.distribute.get_replica_context().replica_id_in_sync_group, tf.int64)
            offset = tf.stack([number * _APART, 0])
            for seed in seeds:
                seed.assign(seed + tf.cast(offset, seed.dtype))

        if seeds:
            self.strategy.run(tf.function(shift, autograph=False))


def join(distribution: Distribution) -> Replicas:
    """Set up the devices of this machine, or wait until all machines are there.

    Has to be called before TensorFlow is used for anything else.

    Raises:
        ConfigError: ``multi_worker`` without a usable ``TF_CONFIG``.
        RunError: its addresses cannot be used.
    """
    if distribution == "none":
        return Replicas()
    if distribution == "mirrored":
        replicas = Replicas(tf.distribute.MirroredStrategy())
        if replicas.count == 1:
            _log.warning("training.distribution is mirrored, and TensorFlow sees one device only")
        return replicas
    worker, workers = find_worker(os.environ)
    _log.info("worker %d of %d waits for the others", worker, workers)
    try:
        strategy = _multi_worker_strategy()
    except tf.errors.OpError as error:
        raise RunError(
            f"worker {worker} of {workers} cannot join the others ({_reason(error)}); check the "
            "addresses in TF_CONFIG: each must be reachable from every machine, its port free"
        ) from error
    replicas = Replicas(strategy, worker, workers)
    _log.info("worker %d of %d trains; devices of all: %d", worker, workers, replicas.count)
    return replicas


def find_worker(environment: Mapping[str, str]) -> tuple[int, int]:
    """The number of this worker and how many there are, by ``TF_CONFIG``.

    Raises:
        ConfigError: there is no such variable, or it makes no sense.
    """
    text = environment.get("TF_CONFIG", "")
    try:
        config = json.loads(text)
        addresses = {kind: list(config["cluster"].get(kind, [])) for kind in ("chief", "worker")}
        task, index = config["task"]["type"], int(config["task"]["index"])
        chiefs = len(addresses["chief"])
        places = range(len(addresses[task]))
        if index not in places or chiefs > 1 or set(config["cluster"]) - set(addresses):
            raise ValueError
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(
            "training.distribution = multi_worker needs the environment variable TF_CONFIG, which "
            "says the addresses of all workers, the same on each, and which of them this one is: "
            f"{_EXAMPLE}. Received: {text or 'none'}"
        ) from error
    return index + (chiefs if task == "worker" else 0), sum(map(len, addresses.values()))


def _reason(error: tf.errors.OpError) -> str:
    """What TensorFlow says, without the graph and the stack that it happened in."""
    lines = [line.strip() for line in str(error.message).splitlines()]
    said = [line for line in lines if any(word in line for word in _TELLING)]
    return (said or [line for line in lines if line] or [type(error).__name__])[0][:_LONGEST]


@functools.cache
def _multi_worker_strategy() -> tf.distribute.Strategy:
    """A process can join its cluster only once."""
    return tf.distribute.MultiWorkerMirroredStrategy()
