"""``python -m keras_colorize.pack``: a trained generator, ready to be handed on.

::

    python -m keras_colorize.pack --model runs/my_run/checkpoints/best.keras \
        --saturation 1.3 --ranks 24 48 64 128 128 --photos PHOTOS --output my_colorizer.keras
"""

import math
import sys
from collections.abc import Sequence
from pathlib import Path

from keras_colorize.cli import CommandParser, run_command, without_remarks
from keras_colorize.errors import ConfigError, ModelError
from keras_colorize.files import make_folder, refuse_replacing

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """The command; gives its exit status."""
    return run_command(_pack, argv)


def _pack(argv: Sequence[str]) -> int:
    parser = CommandParser(
        prog="python -m keras_colorize.pack",
        description="Write a trained generator in half the bytes, with a twin that starts within a "
        "moment, and with stronger color if asked. The result is used like any other "
        "generator.keras.",
    )
    parser.add_argument(
        "--model",
        type=str,
        nargs="+",
        required=True,
        help="a run's generator.keras; of several, which started from one another, the mean of "
        "their weights is taken",
    )
    parser.add_argument(
        "--shares",
        type=float,
        nargs="+",
        help="how much each of several models counts; by default all the same",
    )
    parser.add_argument("--output", type=str, required=True, help="the .keras file to write")
    parser.add_argument(
        "--saturation",
        type=float,
        default=1.0,
        help="what its chroma is multiplied by: 1.2 to 1.5 make up for the paleness of a model "
        "that was trained for small errors",
    )
    parser.add_argument(
        "--emphasis",
        type=float,
        help="in place of a saturation: stronger color where it is sure, paler where it is not; "
        "around 1",
    )
    parser.add_argument(
        "--certainty",
        type=float,
        help="multiply its chroma by so many times its certainty, about 0.5 on average: 2 to 2.5 "
        "make up for the paleness where it is deserved; for a generator with a distribution",
    )
    parser.add_argument(
        "--working_size",
        type=int,
        help="short side in pixels at which it is to see photographs; by default the largest size "
        "it was trained at",
    )
    parser.add_argument(
        "--ranks",
        type=int,
        nargs="+",
        help="make the decoder lighter: channels that each upsampling step is left with, the "
        "outermost first; 16 32 64 96 128 save a third of the time of a network like the shipped "
        "one",
    )
    parser.add_argument(
        "--photos",
        type=str,
        help="with --ranks: folder of photographs for which the lighter decoder is to paint the "
        "same; 64 of them are taken",
    )
    parser.add_argument(
        "--no_twin",
        action="store_true",
        help="leave out the twin: the same network for LiteRT, which colors photographs without "
        "importing TensorFlow, and doubles the file",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an existing output")
    args = parser.parse_args(argv)
    output = Path(args.output)
    if output.suffix != ".keras":
        raise ConfigError(f"--output must end in .keras. Received: {output}")
    if not args.overwrite:
        refuse_replacing([output])
    if not 0.0 < args.saturation < math.inf:
        raise ConfigError(f"--saturation must be above 0. Received: {args.saturation}")
    for name in ("emphasis", "certainty"):
        value = getattr(args, name)
        if value is not None and not 0.0 < value < math.inf:
            raise ConfigError(f"--{name} must be above 0. Received: {value}")
    if args.emphasis is not None and args.saturation != 1.0:
        raise ConfigError(
            "--emphasis takes the place of --saturation; leave one out. "
            f"Received: {args.emphasis:g} and {args.saturation:g}"
        )
    shares = args.shares or [1.0] * len(args.model)
    if len(shares) != len(args.model) or not all(0.0 < share < math.inf for share in shares):
        raise ConfigError(
            f"--shares must be a number above 0 for each of {len(args.model)} --model. "
            f"Received: {' '.join(map(str, shares))}"
        )
    if (args.ranks is None) != (args.photos is None):
        raise ConfigError("--ranks and --photos belong together; give both or neither")
    # TensorFlow takes seconds to import; --help and mistaken arguments need not wait for it.
    from keras_colorize.models.averaging import average_weights
    from keras_colorize.models.packing import pack_generator
    from keras_colorize.models.saved import load_generator

    models = [load_generator(model) for model in args.model]
    generator, facts = models[-1]
    if len(models) > 1:
        generator = average_weights([model for model, _ in models], shares)
    make_folder(output.parent)
    if args.working_size is not None:
        facts.check_working_size(args.working_size)
    if args.ranks is not None:
        from keras_colorize.exporting.tflite import read_calibration
        from keras_colorize.models.factoring import factorize

        side = facts.padded(args.working_size or facts.working_size)
        photos = read_calibration(args.photos, (side, side))
        generator = factorize(generator, args.ranks, photos)
    pack_generator(
        output,
        generator,
        facts,
        saturation=args.saturation,
        emphasis=args.emphasis,
        certainty=args.certainty,
        working_size=args.working_size,
    )
    twin = "without a twin" if args.no_twin else _give_twin(output)
    print(f"{output}  {output.stat().st_size / 1e6:.1f} MB, {twin}")
    return 0


def _give_twin(output: Path) -> str:
    """Add the twin, and say what came of it: without one, Keras colors as ever."""
    from keras_colorize.exporting.twin import give_twin

    try:
        with without_remarks():
            return f"with a twin that differs by {give_twin(output)} of 255 levels at most"
    except ModelError as error:
        return f"without a twin: {error}"


if __name__ == "__main__":
    sys.exit(main())
