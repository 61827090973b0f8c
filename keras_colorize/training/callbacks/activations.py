"""Statistics of every layer while a network is trained."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_colorize.inspection.probe import Network, Probe, layers_to_measure
from keras_colorize.inspection.snapshots import Snapshot, drop_later_snapshots, save_snapshot

__all__ = ["ActivationStatistics"]


class ActivationStatistics(keras.callbacks.Callback):
    """Measure activations, weights and updates of each layer, every so many steps.

    Works for functional Keras models. Models nested in one are not looked into, and a layer that is
    used several times is measured where it was used first::

        probe = {"validation": x_validation[:8]}
        statistics = ActivationStatistics(probe, folder="activations", every=100)
        model.fit(x, y, callbacks=[statistics])
        history = keras_colorize.load_statistics("activations")

    The layers run on the same photographs each time, in inference. The first step is measured
    too, so that the beginning can be seen. What the folder holds of later steps, from a training
    before, is removed. With ``steps_per_execution``, what is due is measured when an execution
    ends, and updates, which belong to single steps, are NaN.

    Args:
        photographs: one batch by domain, measured apart: whatever the networks' ``inputs`` take.
        folder: where each measurement is written; ``None`` keeps none.
        every: steps between two measurements.
        layers: names of the layers to measure, such as ``generator/up_*``; by default every
            activation and every normalization.
        networks: what to measure; by default the model that is trained.
        on_snapshot: called with each measurement, also where nothing is written.

    Raises:
        ValueError: when training begins, if no layer has one of the names.
    """

    def __init__(
        self,
        photographs: Mapping[str, Any],
        folder: str | Path | None = None,
        every: int = 100,
        *,
        layers: Sequence[str] = (),
        networks: Sequence[Network] = (),
        on_snapshot: Sequence[Callable[[Snapshot], None]] = (),
    ) -> None:
        super().__init__()
        if every < 1:
            raise ValueError(f"every must be at least 1 step. Received: every={every}")
        if not photographs:
            raise ValueError("expected photographs of at least one domain, received none")
        self.photographs = dict(photographs)
        self.folder = None if folder is None else Path(folder)
        self.every = every
        self.layers = layers
        self.networks = networks
        self.on_snapshot = on_snapshot
        self._probes: list[Probe] = []
        self._before: list[tf.Tensor] | None = None
        self._start = 0

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        networks = self.networks or (Network(self.model.name, self.model),)
        measured = [probe.network.model for probe in self._probes]
        if not all(any(model is n.model for n in networks) for model in measured or [None]):
            # A name may mean layers of one network only.
            meant = [network for network in networks if layers_to_measure(network, self.layers)]
            self._probes = [Probe(network, self.layers) for network in meant or networks]
        # Between two trainings layers may have been frozen, or others set free.
        self._weights = [
            (f"{network.name}/{layer.name}", network.name, layer.trainable_variables)
            for network in networks
            for layer in network.model.layers
            if layer.trainable_variables
        ]
        if self.folder is not None:
            drop_later_snapshots(self.folder, int(self.model.optimizer.iterations.numpy()))

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self._start = int(self.model.optimizer.iterations.numpy())
        due = self.model.steps_per_execution == 1 and self._is_due(self._start + 1)
        self._before = [tf.identity(v.value) for v in self._variables()] if due else None

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        step = int(self.model.optimizer.iterations.numpy())
        if not self._is_due(step):
            return
        snapshot = self._measure(step, self._before)
        self._before = None
        if self.folder is not None:
            save_snapshot(self.folder, snapshot)
        for use in self.on_snapshot:
            use(snapshot)

    def _is_due(self, step: int) -> bool:
        """Whether a first step, or one that ``every`` divides, came since the batch began."""
        return self._start == 0 or step // self.every > self._start // self.every

    def _variables(self) -> list[keras.Variable]:
        return [variable for *_, variables in self._weights for variable in variables]

    def _measure(self, step: int, before: list[tf.Tensor] | None) -> Snapshot:
        measured = [
            [probe(photographs) for probe in self._probes]
            for photographs in self.photographs.values()
        ]
        after = [variable.value for variable in self._variables()]
        norms, changes = (
            norm.numpy() for norm in _norms(after if before is None else before, after)
        )
        weight_norms = self._by_layer(norms)
        # Of several steps in one execution, no single one's change is known.
        changes = np.full_like(changes, np.nan) if before is None else changes
        return Snapshot(
            step=step,
            domains=tuple(self.photographs),
            layers=tuple(name for probe in self._probes for name in probe.layers),
            values=np.stack([np.concatenate([v for v, _ in row]) for row in measured]),
            counts=np.stack([np.concatenate([c for _, c in row]) for row in measured]),
            weights=tuple(name for name, *_ in self._weights),
            weight_norms=weight_norms,
            update_ratios=self._by_layer(changes) / np.maximum(weight_norms, 1e-12),
            gradient_norms=self._by_layer(self._gradient_norms()),
        )

    def _gradient_norms(self) -> np.ndarray:
        """Of each variable; NaN unless the model offers them, as ``ColorizationGAN`` does."""
        known = getattr(self.model, "gradient_norms", {})
        networks = dict.fromkeys(network for _, network, _ in self._weights)
        return np.concatenate(
            [
                np.asarray(known[network])
                if network in known
                else np.full(self._count(network), np.nan, np.float32)
                for network in networks
            ]
        )

    def _count(self, network: str) -> int:
        return sum(len(variables) for _, name, variables in self._weights if name == network)

    def _by_layer(self, norms: np.ndarray) -> np.ndarray:
        """Norms of variables, put together by layer: float32 ``(W,)``."""
        ends = np.cumsum([len(variables) for *_, variables in self._weights])
        parts = np.split(np.square(norms), ends[:-1])
        return np.sqrt([part.sum() for part in parts]).astype(np.float32)


@tf.function(autograph=False)
def _norms(before: list[tf.Tensor], after: list[tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
    """Euclidean norms of the variables before a step, and of their changes by it."""
    changes = [new - old for old, new in zip(before, after, strict=True)]
    return (
        tf.stack([tf.norm(value) for value in before]),
        tf.stack([tf.norm(value) for value in changes]),
    )
