"""The same networks and the same training step as keras_colorize's, as one writes them in PyTorch.

Not a command: ``train_step.py`` runs it in a process of its own, in an interpreter that has
PyTorch. Written after the description of pix2pix (Isola et al., 2017): generator forward;
discriminator on real and on detached generated color, updated; generator through the updated
discriminator, which is frozen meanwhile; moving average. Layers bear the names they have in
Keras, so that their weights can be handed over.
"""

import copy
import json
import statistics
import sys
import time
from typing import Any

import numpy as np
import torch
from measuring import serve
from torch import Tensor, nn
from torch.nn import functional

LEAK = 0.2
BATCH_NORM = {"eps": 1e-5, "momentum": 0.1}  # Keras' momentum is 1 minus PyTorch's
LUMINANCE_WEIGHTS = (0.299, 0.587, 0.114)  # ITU-R BT.601
FORMATS = {"channels_last": torch.channels_last, "contiguous": torch.contiguous_format}
TRIAL_STEPS = 5


class UNet(nn.Module):
    """Luminance ``(B, 1, H, W)`` to RGB ``(B, 3, H, W)``, chroma limited into gamut."""

    def __init__(self, filters: int, depth: int, max_filters: int, **_: Any) -> None:
        super().__init__()
        channels = [min(filters * 2**level, max_filters) for level in range(depth)]
        self.depth = depth
        self.layers = nn.ModuleDict()
        before = 1
        for level, width in enumerate(channels):
            self.layers[f"down_{level}"] = nn.Conv2d(before, width, 4, stride=2, padding=1)
            if 0 < level < depth - 1:
                self.layers[f"down_{level}_norm"] = nn.BatchNorm2d(width, **BATCH_NORM)
            before = width
        for level in reversed(range(depth)):
            width = channels[level - 1] if level > 0 else 2
            self.layers[f"up_{level}"] = nn.ConvTranspose2d(before, width, 4, stride=2, padding=1)
            if level > 0:
                self.layers[f"up_{level}_norm"] = nn.BatchNorm2d(width, **BATCH_NORM)
            before = 2 * width  # with the skip connection beside it

    def forward(self, luminance: Tensor) -> Tensor:
        x = 2.0 * luminance - 1.0
        skips = []
        for level in range(self.depth):
            x = self.layers[f"down_{level}"](functional.leaky_relu(x, LEAK) if level > 0 else x)
            x = self._normalize(x, f"down_{level}_norm")
            skips.append(x)
        for level in reversed(range(self.depth)):
            if level < self.depth - 1:
                x = torch.cat([x, skips[level]], 1)
            x = self.layers[f"up_{level}"](functional.relu(x))
            x = self._normalize(x, f"up_{level}_norm")
        chroma = limit_chroma(luminance, 0.5 * torch.tanh(x.float()))
        return (luminance + color_difference(chroma)).clamp(0.0, 1.0)

    def _normalize(self, x: Tensor, name: str) -> Tensor:
        return self.layers[name](x) if name in self.layers else x


class PatchGAN(nn.Module):
    """Luminance and RGB to logits ``(B, 1, H / 2**depth, W / 2**depth)``."""

    def __init__(self, filters: int, depth: int, **_: Any) -> None:
        super().__init__()
        self.depth = depth
        self.layers = nn.ModuleDict()
        before = 4
        for level in range(depth + 1):
            width = min(filters * 2**level, 512)
            options = {"stride": 2, "padding": 1} if level < depth else {}
            self.layers[f"conv_{level}"] = nn.Conv2d(before, width, 4, **options)
            if level > 0:
                self.layers[f"conv_{level}_norm"] = nn.BatchNorm2d(width, **BATCH_NORM)
            before = width
        self.layers["patches"] = nn.Conv2d(before, 1, 4)

    def forward(self, luminance: Tensor, color: Tensor) -> Tensor:
        x = 2.0 * torch.cat([luminance, color], 1) - 1.0
        for level in range(self.depth + 1):
            x = self.layers[f"conv_{level}"](x if level < self.depth else self._pad(x))
            if level > 0:
                x = self.layers[f"conv_{level}_norm"](x)
            x = functional.leaky_relu(x, LEAK)
        return self.layers["patches"](self._pad(x)).float()

    def _pad(self, x: Tensor) -> Tensor:
        """As Keras pads for a kernel of 4 and a stride of 1, so that the size stays."""
        return functional.pad(x, (1, 2, 1, 2))


# -- color and losses -------------------------------------------------------------------------


def luminance_of(rgb: Tensor) -> Tensor:
    red, green, blue = LUMINANCE_WEIGHTS
    return red * rgb[:, 0:1] + green * rgb[:, 1:2] + blue * rgb[:, 2:3]


def color_difference(chroma: Tensor) -> Tensor:
    """R - Y, G - Y and B - Y of Cb and Cr."""
    weight_red, weight_green, weight_blue = LUMINANCE_WEIGHTS
    blue = 2.0 * (1.0 - weight_blue) * chroma[:, 0:1]
    red = 2.0 * (1.0 - weight_red) * chroma[:, 1:2]
    return torch.cat([red, -(weight_red * red + weight_blue * blue) / weight_green, blue], 1)


def limit_chroma(luminance: Tensor, chroma: Tensor) -> Tensor:
    difference = color_difference(chroma)
    room = torch.where(difference > 0.0, 1.0 - luminance, luminance)
    needed = torch.maximum(difference.abs(), room).clamp_min(1e-7)
    return chroma * (room / needed).amin(1, keepdim=True)


def chroma_of(rgb: Tensor) -> Tensor:
    weight_red, _, weight_blue = LUMINANCE_WEIGHTS
    y = luminance_of(rgb)
    blue = (rgb[:, 2:3] - y) / (2.0 * (1.0 - weight_blue))
    red = (rgb[:, 0:1] - y) / (2.0 * (1.0 - weight_red))
    return torch.cat([blue, red], 1)


def generator_loss(kind: str, logits: Tensor) -> Tensor:
    if kind == "minimax":
        return -functional.softplus(logits).mean()
    return functional.softplus(-logits).mean()


# -- the step ---------------------------------------------------------------------------------


class Trainer:
    """Networks, optimizers and a batch held in memory.

    Args:
        settings: those of a FitConfig, and the ``handover`` file of weights and batch.
        memory_format: of weights and images.
    """

    def __init__(self, settings: dict[str, Any], memory_format: torch.memory_format) -> None:
        self.losses, training = settings["losses"], settings["training"]
        self.clip_norm = training["clip_norm"]
        self.momentum = training["ema_momentum"]
        self.mixed = training["precision"] == "mixed_bfloat16"
        self.handover = dict(np.load(settings["handover"]))
        self.generator = self._network("generator", UNet(**settings["generator"]), memory_format)
        self.discriminator = self._network(
            "discriminator", PatchGAN(**settings["discriminator"]), memory_format
        )
        self.average = copy.deepcopy(self.generator).requires_grad_(False)
        # The fused form is the fastest that PyTorch has for CPUs.
        adam = {"betas": (training["beta_1"], 0.999), "eps": 1e-7, "fused": True}
        self.generator_optimizer = torch.optim.Adam(
            self.generator.parameters(), lr=training["generator_learning_rate"], **adam
        )
        self.discriminator_optimizer = torch.optim.Adam(
            self.discriminator.parameters(), lr=training["discriminator_learning_rate"], **adam
        )
        self.luminance = self._images("luminance", memory_format)
        self.color = self._images("color", memory_format)
        self.has_color = torch.from_numpy(self.handover["has_color"]) > 0.5
        self.steps = 0

    def _network(self, prefix: str, network: nn.Module, memory: torch.memory_format) -> nn.Module:
        names = {"kernel": "weight", "gamma": "weight", "beta": "bias", "bias": "bias"}
        names |= {"moving_mean": "running_mean", "moving_variance": "running_var"}
        state = network.state_dict()
        for key, value in self.handover.items():
            if key.startswith(f"{prefix}/"):
                _, layer, name = key.split("/")
                # Keras: (h, w, in, out), transposed (h, w, out, in); here the reverse of both.
                value = value.transpose(3, 2, 0, 1) if value.ndim == 4 else value
                state[f"layers.{layer}.{names[name]}"].copy_(torch.from_numpy(value))
        return network.to(memory_format=memory)

    def _images(self, name: str, memory: torch.memory_format) -> Tensor:
        images = torch.from_numpy(self.handover[name]).permute(0, 3, 1, 2)
        return images.contiguous(memory_format=memory)

    def _autocast(self) -> torch.autocast:
        return torch.autocast("cpu", torch.bfloat16, enabled=self.mixed)

    def step(self) -> dict[str, Tensor]:
        with self._autocast():
            generated = self.generator(self.luminance)
        values = {}
        if self.losses["lambda_adversarial"] > 0:
            values["discriminator_loss"] = self._update_discriminator(generated.detach())
        values["reconstruction"] = self._update_generator(generated)
        self._update_average()
        return values

    def _update_discriminator(self, generated: Tensor) -> Tensor:
        self.discriminator.requires_grad_(True)
        with self._autocast():
            real = self.discriminator(self.luminance[self.has_color], self.color[self.has_color])
            fake = self.discriminator(self.luminance, generated)
        loss = functional.softplus(-real).mean() + functional.softplus(fake).mean()
        self._apply(loss, self.discriminator, self.discriminator_optimizer)
        self.discriminator.requires_grad_(False)
        return loss.detach()

    def _update_generator(self, generated: Tensor) -> Tensor:
        losses, known = self.losses, self.has_color
        reconstruction = (
            functional.l1_loss(generated[known], self.color[known])
            + losses["lambda_luminance"]
            * functional.mse_loss(luminance_of(generated), luminance_of(self.color))
            + losses["lambda_color"]
            * functional.mse_loss(chroma_of(generated[known]), chroma_of(self.color[known]))
        )
        loss = losses["lambda_reconstruction"] * reconstruction
        if losses["lambda_adversarial"] > 0:
            with self._autocast():
                logits = self.discriminator(self.luminance, generated)
            adversarial = generator_loss(losses["adversarial"], logits)
            loss = loss + losses["lambda_adversarial"] * adversarial
        self._apply(loss, self.generator, self.generator_optimizer)
        return reconstruction.detach()

    def _apply(self, loss: Tensor, network: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if self.clip_norm:
            nn.utils.clip_grad_norm_(network.parameters(), self.clip_norm)
        optimizer.step()

    @torch.no_grad()
    def _update_average(self) -> None:
        self.steps += 1
        share = 1.0 - min(self.momentum, (1 + self.steps) / (10 + self.steps))
        weights = self.generator.state_dict().values()
        for average, weight in zip(self.average.state_dict().values(), weights, strict=True):
            if average.is_floating_point():  # all but batch normalization's count of batches
                average.lerp_(weight, share)

    @torch.no_grad()
    def largest_difference(self) -> float:
        """From the color that the Keras generator gave to the batch."""
        with self._autocast():
            generated = self.generator(self.luminance).permute(0, 2, 3, 1)
        return float((generated - torch.from_numpy(self.handover["generated"])).abs().max())


def try_format(settings: dict[str, Any], name: str) -> float:
    """Seconds per step in a memory format, after a first step."""
    trainer = Trainer(settings, FORMATS[name])
    times = []
    for _ in range(1 + TRIAL_STEPS):
        start = time.perf_counter()
        trainer.step()
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])


def main(settings: dict[str, Any]) -> None:
    torch.set_num_threads(settings["threads"])
    trials = {name: try_format(settings, name) for name in FORMATS}
    best = min(trials, key=trials.__getitem__)
    trainer = Trainer(settings, FORMATS[best])
    networks = [trainer.generator, trainer.discriminator]
    facts = {
        "name": f"PyTorch, {best}",
        "versions": f"torch {torch.__version__}",
        "parameters": [sum(p.numel() for p in network.parameters()) for network in networks],
        "difference": Trainer(settings, FORMATS[best]).largest_difference(),
        "trials": trials,
    }
    serve(trainer.step, facts)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
