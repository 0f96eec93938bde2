"""Work done in a process of its own: decoding of files from a browser, measuring. A decoder that crashes, hangs or eats memory
takes only that process down; the page stays alive and says what happened.

    worker = Worker("check", memory_bytes=...)
    answer = worker.call("check_picture", {...}, on_progress=..., timeout_s=60)

Requests and answers are JSON lines on the process's pipes; what passes between is small, pictures stay in files.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from typing import Any

from ...core.errors import NanogaugeError
from ...core.protocols import Progress


class WorkerError(NanogaugeError):
    """The process died or took too long; the message says which."""


class Worker:
    """A process that runs functions of `apps.serve.tasks`, one at a time; started when needed, and again after it died."""

    def __init__(self, name: str, *, memory_bytes: int = 0) -> None:
        self.name, self.memory_bytes = name, memory_bytes
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._closed = False

    def call(self, function: str, arguments: dict[str, Any], *, on_progress: Progress | None = None, timeout_s: float = 0) -> Any:
        """The function's answer. Raises NanogaugeError with its message, WorkerError where the process died or took too long."""
        with self._lock:
            if self._closed:
                raise WorkerError("the server is shutting down")
            process = self._started()
            late = threading.Event()
            timer = threading.Timer(timeout_s, self._too_late, (process, late)) if timeout_s else None
            if timer:
                timer.daemon = True
                timer.start()
            try:
                return self._talk(process, function, arguments, on_progress, late)
            finally:
                if timer:
                    timer.cancel()

    def stop(self) -> None:
        """Ends what is running now; the call in progress raises WorkerError, the next one starts anew."""
        process = self._process
        if process is not None and process.poll() is None:
            process.kill()

    def close(self) -> None:
        """Ends the process for good."""
        self._closed = True
        self.stop()
        with self._lock:
            if self._process is not None:
                _end(self._process)

    def _started(self) -> subprocess.Popen[str]:
        if self._process is None or self._process.poll() is not None:
            if self._process is not None:
                _end(self._process)
            self._process = subprocess.Popen(
                [sys.executable, "-m", "nanogauge.apps.serve.worker", str(self.memory_bytes)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                encoding="utf-8",
            )
        return self._process

    def _talk(
        self,
        process: subprocess.Popen[str],
        function: str,
        arguments: dict[str, Any],
        on_progress: Progress | None,
        late: threading.Event,
    ) -> Any:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps({"function": function, "arguments": arguments}) + "\n")
            process.stdin.flush()
            for line in process.stdout:
                message = json.loads(line)
                if "progress" in message:
                    if on_progress is not None:
                        on_progress(message["progress"], message["text"])
                elif "error" in message:
                    raise NanogaugeError(message["error"])
                else:
                    return message["answer"]
        except (OSError, ValueError):  # a pipe that broke, half a line
            pass
        _end(process)
        raise WorkerError(
            "took too long and was stopped" if late.is_set() else "brought the reader down (damaged, or out of memory)"
        )

    @staticmethod
    def _too_late(process: subprocess.Popen[str], late: threading.Event) -> None:
        late.set()
        process.kill()


def _end(process: subprocess.Popen[str]) -> None:
    """Kills it, where it lives, and lets go of its pipes."""
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()


def _limit_memory(n_bytes: int) -> None:
    if not n_bytes:
        return
    with contextlib.suppress(ImportError, ValueError, OSError):  # not on every system
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (n_bytes, n_bytes))


def main() -> None:
    """The process's own side: reads requests, runs them, answers."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what libraries print must not stand among the answers
    _limit_memory(int(sys.argv[1]) if len(sys.argv) > 1 else 0)
    from . import tasks

    def say(message: dict[str, Any]) -> None:
        answers.write(json.dumps(message) + "\n")
        answers.flush()

    for line in sys.stdin:
        request = json.loads(line)
        function = getattr(tasks, request["function"])
        try:
            answer = function(**request["arguments"], progress=lambda share, text: say({"progress": share, "text": text}))
            say({"answer": answer})
        except NanogaugeError as error:
            say({"error": str(error)})
        except MemoryError:
            say({"error": "not enough memory for this file; crop it or export it at a smaller size"})
        except Exception as error:  # one file never stops the server
            text = " ".join(str(error).split())[:300]
            say({"error": f"unexpected {type(error).__name__}: {text}; please report it with the file"})


if __name__ == "__main__":
    main()
