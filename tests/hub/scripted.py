"""A server that gives one prepared answer after the other, byte for byte: what no honest server sends."""

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

Answer = bytes | Callable[[socket.socket], None]  # bytes to send, or what to do with the connection


@dataclass
class Script:
    """Where the server listens, and the heads of the requests that came."""

    url: str
    heads: list[str] = field(default_factory=list)


def answer(body: bytes = b"[]", status: str = "200 OK", **headers: str) -> bytes:
    """Return an answer; underscores in names of headers stand for hyphens."""
    told = {"Content_Length": str(len(body)), **headers}
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in told.items())
    return f"HTTP/1.1 {status}\r\n{lines}\r\n".encode("latin-1") + body


@contextmanager
def scripted(answers: Sequence[Answer]) -> Iterator[Script]:
    """Serve one connection an answer; further connections wait in vain."""
    listener = socket.create_server(("127.0.0.1", 0))
    script = Script(f"http://127.0.0.1:{listener.getsockname()[1]}")
    thread = threading.Thread(target=_serve, args=(listener, answers, script))
    thread.start()
    try:
        yield script
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
        listener.close()


def _serve(listener: socket.socket, answers: Sequence[Answer], script: Script) -> None:
    for prepared in answers:
        try:
            connection, _ = listener.accept()
        except OSError:  # the test is over
            return
        with connection:
            try:
                script.heads.append(_head(connection))
                connection.sendall(prepared) if isinstance(prepared, bytes) else prepared(connection)
            except OSError:  # the client has gone
                continue


def _head(connection: socket.socket) -> str:
    head = b""
    while b"\r\n\r\n" not in head and (more := connection.recv(65_536)):
        head += more
    return head.decode("latin-1")
