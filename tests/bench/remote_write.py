"""Prometheus remote write 1.0 bytes for the benchmark's peer, and a sink that swallows what the peer forwards."""

from __future__ import annotations

import struct
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cramjam


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def _field(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def write_request(series: list[tuple[dict[str, str], float]], at_ms: int) -> bytes:
    """A snappy-compressed `WriteRequest` of one sample a series (prometheus/prompb/remote.proto)."""
    out = bytearray()
    for labels, value in series:
        pairs = b"".join(
            _field(1, _field(1, name.encode()) + _field(2, text.encode())) for name, text in sorted(labels.items())
        )
        sample = b"\x09" + struct.pack("<d", value) + b"\x10" + _varint(at_ms)
        out += _field(1, pairs + _field(2, sample))
    return bytes(cramjam.snappy.compress_raw(bytes(out)))


class _Sink(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        pass


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), _Sink).serve_forever()
