"""What the page asks for, by HTTP."""

import contextlib
import dataclasses
import json
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from keras_colorize.coloring.decisions import Decisions
from keras_colorize.coloring.decisions_folder import find_reference
from keras_colorize.coloring.tasks import Task
from keras_colorize.errors import KerasColorizeError, PhotoError
from keras_colorize.looks import LOOKS
from keras_colorize.studio.album import Album
from keras_colorize.studio.parts import Box

if TYPE_CHECKING:
    from keras_colorize.studio.batch import Batch, Writer
    from keras_colorize.studio.desk import Desk, OpenPhoto

__all__ = ["Studio", "make_app"]

_log = logging.getLogger(__name__)

_PAGE = Path(__file__).with_name("page")
_MOST_JSON = 4 << 20  # bytes
_MOST_UPLOADED = 512 << 20
#: What can be decided about many photographs at once.
_FOR_ALL = {"look", "palette", "reference", "remove_tint", "saturation", "working_size"}

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Studio:
    """What the model is needed for.

    Attributes:
        desk: the photographs that are open.
        writer: what writes results.
        batch: the work on the whole album.
    """

    desk: "Desk"
    writer: "Writer"
    batch: "Batch"


def make_app(album: Album, studio: Callable[[], Studio]) -> Starlette:
    """The application, without its guard.

    Args:
        album: the photographs.
        studio: gives the rest; it may wait for the model to be loaded.
    """
    api = _Api(album, studio)
    return Starlette(
        routes=[
            *(Route(f"/{name}", _file(path)) for name, path in _page_files().items()),
            Route("/api/album", api.show_album),
            Route("/api/model", api.show_model),
            Route("/api/album/coloring", api.start, methods=["POST"]),
            Route("/api/album/coloring", api.show_progress),
            Route("/api/album/coloring", api.stop, methods=["DELETE"]),
            Route("/api/uploads/{name}", api.upload, methods=["PUT"]),
            Route("/api/references/{name}", api.upload_reference, methods=["PUT"]),
            Route("/api/photos/{id}", api.open),
            Route("/api/photos/{id}/thumbnail", api.show_thumbnail),
            Route("/api/photos/{id}/view", api.show_view),
            Route("/api/photos/{id}/likely", api.show_likely),
            Route("/api/photos/{id}/decisions", api.decide, methods=["PATCH"]),
            Route("/api/photos/{id}/result", api.save, methods=["POST"]),
        ],
        exception_handlers={
            KerasColorizeError: _refuse,
            ValueError: _refuse,
            OSError: _refuse,
            HTTPException: _tell,
        },
    )


def _page_files() -> dict[str, Path]:
    files = {path.name: path for path in sorted(_PAGE.iterdir()) if path.is_file()}
    return {"": files.pop("index.html"), **files}


def _file(path: Path) -> Callable[[Request], Awaitable[Response]]:
    async def answer(_: Request) -> Response:
        return FileResponse(path)

    return answer


async def _refuse(_: Request, error: Exception) -> Response:
    return JSONResponse({"error": " ".join(str(error).split())}, 400)


async def _tell(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, error.status_code)


class _Api:
    """The answers. What takes time is done in other threads."""

    def __init__(self, album: Album, studio: Callable[[], Studio]) -> None:
        self._album = album
        self._studio = studio

    async def show_album(self, _: Request) -> Response:
        photos = await run_in_threadpool(self._album.list)
        return JSONResponse(
            {
                "photos": [dataclasses.asdict(photo) for photo in photos],
                "output": str(self._album.output.absolute()),
            }
        )

    async def show_model(self, _: Request) -> Response:
        def answer(studio: Studio) -> dict[str, Any]:
            colorizer = studio.desk.colorizer
            return {
                "name": colorizer.name,
                "least_working_size": colorizer.facts.stride,
                "knows_likely_colors": studio.desk.knows_likely_colors,
                "looks": dict(LOOKS),
            }

        return JSONResponse(await self._ask(answer))

    async def show_thumbnail(self, request: Request) -> Response:
        task = self._task(request)

        def answer() -> bytes:
            with self._reading(task):
                return self._album.thumbnail(task)

        return Response(await run_in_threadpool(answer), media_type="image/jpeg")

    async def open(self, request: Request) -> Response:
        task = self._task(request)

        def answer(studio: Studio) -> dict[str, Any]:
            with self._reading(task):
                photo = self._open(studio, task)
            return {
                "width": photo.size[0],
                "height": photo.size[1],
                "toned": photo.toned,
                "initial": studio.writer.initial(photo.hash).to_json(),
                "decisions": studio.writer.decisions(task, photo.hash).to_json(),
            }

        return JSONResponse(await self._ask(answer))

    async def show_view(self, request: Request) -> Response:
        query = request.query_params
        try:
            box = Box(*(float(query[name]) for name in ("left", "top", "right", "bottom")))
            width = int(query["width"])
        except KeyError as error:
            raise ValueError(f"{error} is missing") from error
        if width < 1:
            raise ValueError(f"width must be at least 1. Received: {width}")

        task = self._task(request)

        def answer(studio: Studio) -> bytes:
            photo = self._open(studio, task)
            decisions = studio.writer.decisions(task, photo.hash)
            if "proposal" in query:
                decisions = dataclasses.replace(
                    decisions, proposal=int(query["proposal"]), hints=()
                )
            if query.get("side") == "certainty":
                return photo.certainty(box, width, decisions)
            return photo.view(box, width, decisions if query.get("side") == "after" else None)

        return Response(await self._ask(answer), media_type="image/jpeg")

    async def show_likely(self, request: Request) -> Response:
        task, query = self._task(request), request.query_params
        x, y = (float(query.get(name, "nan")) for name in ("x", "y"))

        def answer(studio: Studio) -> list[str]:
            photo = self._open(studio, task)
            return photo.likely_colors(x, y, studio.writer.decisions(task, photo.hash))

        return JSONResponse(await self._ask(answer))

    async def decide(self, request: Request) -> Response:
        """Some of the decisions, those that were changed, and which photograph they are about."""
        content = await _json(request)
        task = self._task(request)

        def answer(studio: Studio) -> None:
            def change(decided: Decisions) -> Decisions:
                if content.get("photo") != decided.photo:
                    raise ValueError("these decisions are about another photograph; open it again")
                changed = Decisions.parse(decided.to_json() | content)
                self._check(studio, changed)
                return changed

            studio.writer.change(task, change)

        await self._ask(answer)
        return Response(status_code=204)

    async def save(self, request: Request) -> Response:
        task = self._task(request)
        record = await self._ask(lambda studio: studio.writer.write(task))
        return JSONResponse(dataclasses.asdict(record))

    async def start(self, request: Request) -> Response:
        content = await _json(request)
        tasks = self._tasks(content.pop("photos", None))
        if not content.keys() <= _FOR_ALL:
            received = ", ".join(content)
            raise ValueError(f"expected {', '.join(sorted(_FOR_ALL))}. Received: {received:.80}")

        def answer(studio: Studio) -> None:
            initial = studio.writer.initial("0" * 64).to_json()
            wanted = Decisions.parse(initial | content)
            self._check(studio, wanted)
            studio.batch.start(tasks, {name: getattr(wanted, name) for name in content})

        await self._ask(answer)
        return Response(status_code=202)

    async def show_progress(self, _: Request) -> Response:
        progress = await self._ask(lambda studio: studio.batch.progress)
        return JSONResponse(dataclasses.asdict(progress))

    async def stop(self, _: Request) -> Response:
        await self._ask(lambda studio: studio.batch.stop())
        return Response(status_code=204)

    async def upload(self, request: Request) -> Response:
        content = await _body(request, _MOST_UPLOADED)
        name = request.path_params["name"]
        new = await run_in_threadpool(self._album.add, name, content)
        return JSONResponse({"id": new}, 201)

    async def upload_reference(self, request: Request) -> Response:
        content = await _body(request, _MOST_UPLOADED)
        name = request.path_params["name"]
        digest = await run_in_threadpool(self._album.add_reference, name, content)
        return JSONResponse({"reference": digest}, 201)

    async def _ask(self, answer: Callable[[Studio], Answer]) -> Answer:
        return await run_in_threadpool(lambda: answer(self._studio()))

    def _open(self, studio: Studio, task: Task) -> "OpenPhoto":
        return studio.desk.open(task.source, self._album.hash(task))

    @contextlib.contextmanager
    def _reading(self, task: Task) -> Iterator[None]:
        """The album tells of a photograph that it cannot be read."""
        try:
            yield
        except PhotoError as error:
            self._album.report(task, str(error))
            raise

    def _check(self, studio: Studio, decisions: Decisions) -> None:
        """Refuse what could be written down, but not be followed."""
        studio.desk.colorizer.facts.check_working_size(decisions.working_size)
        if decisions.reference is not None:
            find_reference(self._album.output, decisions.reference)
        if studio.desk.knows_likely_colors:
            return
        if decisions.proposal:
            raise ValueError("this model proposes nothing; proposal must be 0")
        if decisions.palette:
            raise ValueError("this model cannot tell where it is unsure; palette must be empty")

    def _task(self, request: Request) -> Task:
        try:
            return self._album[request.path_params["id"]]
        except KeyError:
            raise HTTPException(404, "there is no such photograph in the album") from None

    def _tasks(self, ids: object) -> Sequence[Task]:
        if ids is None:
            return self._album.tasks
        if not isinstance(ids, list) or not ids:
            raise ValueError("photos must be a list of photographs, or left out for all")
        try:
            return [self._album[id_] for id_ in ids]
        except (KeyError, TypeError):
            raise ValueError("there is no such photograph in the album") from None


async def _json(request: Request) -> Any:
    try:
        content = json.loads(await _body(request, _MOST_JSON))
    except RecursionError as error:
        raise ValueError("expected JSON that is nested less deeply") from error
    if not isinstance(content, dict):
        raise ValueError("expected a JSON object")
    return content


async def _body(request: Request, most: int) -> bytes:
    """What was sent, as far as it is not too long."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise HTTPException(413, f"too large: at most {most >> 20} MB are taken")
    return bytes(body)
