"""``python -m keras_colorize.studio``: the desk, in the browser."""

import contextlib
import ipaddress
import secrets
import socket
import sys
import threading
import webbrowser
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from jsonargparse import ArgumentParser

from keras_colorize.cli import run_command, without_greeting
from keras_colorize.coloring.report import Ledger, refuse_other_shards, report_path
from keras_colorize.coloring.tasks import Shard, clear_leftovers
from keras_colorize.errors import ConfigError
from keras_colorize.files import make_folder
from keras_colorize.looks import LOOKS, NATURAL
from keras_colorize.studio.album import Album

__all__ = ["main"]

_LOOPBACK = ("127.0.0.1", "localhost")


def main(argv: Sequence[str] | None = None) -> int:
    """Serve the page until it is interrupted: status 0, or 2 for a call that cannot be used."""
    return run_command(_serve, argv)


def _serve(argv: Sequence[str]) -> int:
    args = _parser().parse_args(argv)
    try:
        import uvicorn

        from keras_colorize.studio.guard import Guard
        from keras_colorize.studio.server import make_app
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"the studio needs {error.name}: pip install 'keras-colorize[studio]'"
        ) from error
    for name in args.photos:
        if not Path(name).exists():
            raise ConfigError(f"expected photographs and folders. There is none called {name!r}")
    output = Path(args.output)
    album = Album(args.photos, output, args.max_pixels)
    make_folder(output)
    token = secrets.token_urlsafe(24)
    path = report_path(output, Shard())
    with Ledger(path) as ledger, _listen(args.host, args.port) as listening:
        refuse_other_shards(output, Shard())
        clear_leftovers(output, album.tasks)
        studio = _Loading(lambda: _load(args, album, ledger))
        app = Guard(make_app(album, studio.get), token, {*_LOOPBACK, args.host})
        # Its own settings would replace those of the commands' logging.
        config = uvicorn.Config(
            app,
            log_config=None,
            log_level="warning",
            access_log=False,
            timeout_graceful_shutdown=2,
        )
        server = uvicorn.Server(config)
        studio.begin(on_failure=lambda: setattr(server, "should_exit", True))
        address = f"http://{args.host}:{listening.getsockname()[1]}/#{token}"
        print(f"The studio is at {address} (Ctrl-C ends it)", flush=True)
        if not args.no_browser:
            webbrowser.open(address)
        try:
            server.run(sockets=[listening])
        except KeyboardInterrupt:  # how a person ends it
            print("ended; everything that was decided is kept", flush=True)
        finally:
            studio.end()
    return 0


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog="python -m keras_colorize.studio",
        description="Look at photographs before and after, say what color something was, and save "
        "results and decisions. Opens a page in the browser that nobody else can reach.",
        exit_on_error=False,
    )
    add: Callable[..., Any] = parser.add_argument
    add("photos", nargs="*", help="photographs, or folders of them; more can be dropped in")
    add("--output", type=str, default="colorized", help="folder for results and decisions")
    add("--model", type=str, help="a run's generator.keras; by default the shipped one")
    add(
        "--look",
        type=str,
        default=NATURAL,
        choices=list(LOOKS),
        help="what the colors become in an old process, of all photographs",
    )
    add("--port", type=int, default=0, help="to listen on; 0: any that is free")
    add("--no_browser", action="store_true", help="only print the address")
    add("--max_pixels", type=int, default=200_000_000, help="refuse larger photographs")
    add(
        "--host",
        type=str,
        default="127.0.0.1",
        help="address to listen on. Anything but this machine's own lets others in the network "
        "reach it, unencrypted, who know the printed address",
    )
    return parser


@contextlib.contextmanager
def _listen(host: str, port: int) -> Iterator[socket.socket]:
    """A socket that listens.

    Raises:
        ConfigError: the port is taken, or the address isn't this machine's.
    """
    try:
        address = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
    except ValueError as error:
        raise ConfigError(f"--host must be an IP address. Received: {host}") from error
    if address.version != 4:
        raise ConfigError(f"--host must be an IPv4 address. Received: {host}")
    if address.is_unspecified:  # the guard lets in who calls the studio by its address: it has none
        raise ConfigError(
            f"--host must be one address of this machine, by which the others in the network call "
            f"it, such as 192.168.1.5. Received: {host}, which means all of them"
        )
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, port))
            listening.listen()  # the browser may knock before the server is there
        except (OSError, OverflowError) as error:
            raise ConfigError(
                f"cannot listen on {host}:{port} ({error}); choose another --port, or 0 for any"
            ) from error
        yield listening


class _Loading:
    """Loads the model while the page is being opened already.

    Args:
        load: makes the studio.
    """

    def __init__(self, load: Callable[[], Any]) -> None:
        self._load = load
        self._loaded: Future[Any] = Future()

    def begin(self, on_failure: Callable[[], None]) -> None:
        """Begin to load; call ``on_failure`` where it fails."""

        def work() -> None:
            try:
                self._loaded.set_result(self._load())
            except BaseException as error:  # noqa: BLE001  `end` raises it
                self._loaded.set_exception(error)
                on_failure()

        threading.Thread(target=work, daemon=True).start()

    def get(self) -> Any:
        """The studio, when it is loaded."""
        return self._loaded.result()

    def end(self) -> None:
        """Stop its work; raise what went wrong with loading."""
        if self._loaded.done():
            self._loaded.result().batch.stop()


def _load(args: Any, album: Album, ledger: Ledger) -> Any:
    # Without a twin, TensorFlow is imported, which takes seconds; the page need not wait for it.
    from keras_colorize.coloring.colorizer import Colorizer
    from keras_colorize.studio.batch import Batch, Writer
    from keras_colorize.studio.desk import Desk
    from keras_colorize.studio.server import Studio

    with without_greeting():
        colorizer = Colorizer.load(args.model, look=args.look)
    writer = Writer(album, colorizer, ledger, args.max_pixels)
    desk = Desk(colorizer, album.output, args.max_pixels)
    _ = desk.knows_likely_colors  # compiles what the first photograph would have to wait for
    return Studio(desk, writer, Batch(writer))


if __name__ == "__main__":
    sys.exit(main())
