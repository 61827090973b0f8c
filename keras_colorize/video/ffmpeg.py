"""FFmpeg's programs, found on the PATH, and what they say."""

import collections
import contextlib
import functools
import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO

from keras_colorize.errors import ConfigError, VideoError

__all__ = ["Tool", "encoders", "film_url", "find_tool", "frame_timing", "run_tool"]

_LEVELS = re.compile(r"\[(?P<level>\w+)\] ")
_TROUBLE = frozenset({"error", "fatal", "panic"})
_LINES_KEPT = 20
# Not trouble: what FFmpeg says at the end of a film that was cut short on purpose.
_HARMLESS = (
    "Broken pipe",
    "Error writing trailer",
    "Conversion failed",
    "Error while processing",
    "Error reinitializing filters",
    "Failed to inject frame",
)


def find_tool(name: str) -> str:
    """The path of ``ffmpeg`` or ``ffprobe``.

    Raises:
        ConfigError: it is not installed.
    """
    found = shutil.which(name)
    if found is None:
        raise ConfigError(
            f"films need FFmpeg: expected the program {name} on the PATH, found none. Install it "
            "with the system's packages (apt-get install ffmpeg, dnf install ffmpeg-free, brew "
            "install ffmpeg)"
        )
    return found


def film_url(path: Path) -> str:
    """A file as FFmpeg takes it, whatever its name looks like."""
    return f"file:{path}"


@functools.cache
def encoders() -> frozenset[str]:
    """The names of the encoders that this FFmpeg has."""
    listed = run_tool("ffmpeg", ["-encoders"]).decode(errors="replace")
    return frozenset(re.findall(r"^ V\S{5} (\S+)", listed, re.MULTILINE))


@functools.cache
def frame_timing() -> tuple[str, str]:
    """The option that has every frame go out once, under its own time; its name has changed."""
    said = run_tool("ffmpeg", ["-version"]).decode(errors="replace")
    version = re.match(r"ffmpeg version n?(\d+)\.(\d+)", said)
    old = version is not None and (int(version[1]), int(version[2])) < (5, 1)
    return ("-vsync" if old else "-fps_mode", "passthrough")


def run_tool(name: str, arguments: Sequence[str]) -> bytes:
    """Run a program to its end; what it prints.

    Raises:
        ConfigError: it is not installed.
        VideoError: it failed, for the reason that it gives.
    """
    quiet = ["-hide_banner", "-loglevel", "error"]
    command = [find_tool(name), *quiet, *arguments]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if done.returncode:
        raise VideoError(_last_words(done.stderr.decode(errors="replace").splitlines()))
    return done.stdout


class Tool:
    """A running ``ffmpeg`` with one end of a pipe; to be used as a context.

    Args:
        arguments: without the program's name.
        feeds: whether it is written to; otherwise it is read from.
        on_line: gets every line that it says beside its output, from a thread of its own.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        feeds: bool = False,
        on_line: Callable[[str], None] | None = None,
    ) -> None:
        command = [find_tool("ffmpeg"), "-hide_banner", "-nostats", "-loglevel", "level+info"]
        self._process = subprocess.Popen(
            [*command, *([] if feeds else ["-nostdin"]), *arguments],
            stdin=subprocess.PIPE if feeds else subprocess.DEVNULL,
            stdout=subprocess.DEVNULL if feeds else subprocess.PIPE,
            stderr=subprocess.PIPE,
            # An interruption at the keyboard is for this process, which ends the others.
            start_new_session=True,
        )
        pipe = self._process.stdin if feeds else self._process.stdout
        assert pipe is not None  # it was asked for
        self.pipe: IO[bytes] = pipe
        self._on_line = on_line
        self._troubles: collections.deque[str] = collections.deque(maxlen=_LINES_KEPT)
        self.trouble_count = 0
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        assert self._process.stderr is not None  # it was asked for
        with self._process.stderr as lines:
            for raw in lines:
                line = raw.decode(errors="replace").rstrip()
                level = _LEVELS.search(line)
                if level is not None and level["level"] in _TROUBLE:
                    self._troubles.append(_LEVELS.sub("", line))
                    self.trouble_count += 1
                elif self._on_line is not None:
                    self._on_line(line)

    @property
    def trouble(self) -> str:
        """The reason that it gave for what went wrong; empty where nothing did."""
        return _last_words(self._troubles) if self._troubles else ""

    def finish(self) -> int:
        """Close the pipe and wait until it has done its work; its exit status."""
        with contextlib.suppress(BrokenPipeError):
            self.pipe.close()
        status = self._process.wait()
        self._listener.join()
        return status

    def kill(self) -> None:
        """End it, whatever it does."""
        self._process.kill()
        with contextlib.suppress(OSError):
            self.pipe.close()
        self._process.wait()
        self._listener.join()

    def __enter__(self) -> "Tool":
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()


def _last_words(lines: Sequence[str] | Iterator[str] | collections.deque[str]) -> str:
    """The line that tells most: the last that is not about how the program ends."""
    said = [" ".join(re.sub(r"^\[[^]]*\] ", "", line).split()) for line in lines]
    told = [line for line in said if line and not any(words in line for words in _HARMLESS)]
    return (told or said or ["FFmpeg failed without a word"])[-1][:300]
