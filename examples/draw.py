"""A page where you draw a digit and see what the network makes of it, layer by layer.

    python examples/draw.py                 # opens the page in your browser; Ctrl-C ends it
    python examples/draw.py --keep my_hand  # and keeps the digits that you draw and label
    python examples/draw.py --help

The page has a button for each digit: it adds the drawing, as the network sees it, to your digits.
They are a data set, which the page hands out as an archive; with --keep it is in that folder from
the first digit on, and `tn.datasets.mnist("my_hand")` reads it. That takes two parts: digits to
train with, and, drawn in a sitting of their own with --part test, digits to test on.

The page is in examples/parts/draw_page/: index.html, style.css and the *.js are what the browser
runs, ink.py makes a digit of MNIST of the strokes, look.py computes what is shown, explain.py works
out one pixel, seen.py how far a drawing is from all digits seen, keep.py has your digits. This file
is the server between them. It is for this machine alone: it listens on 127.0.0.1, and answers the
page that it served itself and no other.
"""

import argparse
import json
import os
import sys
import threading
import webbrowser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # runs without installing, too
sys.path.insert(0, str(Path(__file__).resolve().parent))

from parts.draw_page.keep import PREFIX, Drawn, Kept
from parts.draw_page.look import Look, as_bytes

from tinynet.printing import ending_quietly

FOLDER = Path(__file__).resolve().parent / "parts" / "draw_page"
FILES = {  # all that can be asked for with GET: no path is made of an address
    "/": ("index.html", "text/html; charset=utf-8"),
    "/style.css": ("style.css", "text/css; charset=utf-8"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
} | {
    f"/{name}.js": (f"{name}.js", "text/javascript; charset=utf-8")
    for name in ("page", "pad", "maps", "explanation", "keep", "server", "show")
}
LESSONS = ("01_forward", "02_loss", "04_convolution", "05_pooling", "06_batchnorm", "14_your_hand")
FILES |= {  # which the page links to
    f"/{name}.py": (f"../../lessons/{name}.py", "text/plain; charset=utf-8") for name in LESSONS
}
MOST_BYTES = 128 * 1024  # of a question: the most points that a drawing may have, and some more
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


class Server(ThreadingHTTPServer):
    """Serves the page and answers its questions."""

    daemon_threads = True  # Ctrl-C does not wait for open connections
    # Elsewhere this only means that a port can be used again at once; on Windows it would let
    # two programs listen on one port.
    allow_reuse_address = os.name != "nt"

    def __init__(self, port, look, kept=None):
        super().__init__(("127.0.0.1", port), Handler)
        self.look, self.kept = look, kept or Drawn()
        self.answers = {"/look": look.answer} | {
            f"/{change.__name__}": self.with_readings(change)
            for change in (self.kept.keep, self.kept.take_back, self.kept.choose)
        }
        self.port = self.server_address[1]
        # A page elsewhere can have its own name lead here ("DNS rebinding"), but not change the
        # Host and the Origin that the browser then sends.
        self.hosts = {f"{name}:{self.port}" for name in ("127.0.0.1", "localhost")}
        self.origins = {f"http://{host}" for host in self.hosts}

    def with_readings(self, change):
        """A function that tells the state of the kept digits, and how each is read."""

        def answer(*asked):
            state = change(*asked)
            return state | {"read": self.look.read(state["images"])}

        return answer

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], ConnectionError):  # the page was closed meanwhile
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # one connection for many strokes
    disable_nagle_algorithm = True  # or a part of the answer may wait for 40 ms
    timeout = 30  # seconds, for who connects and says nothing

    def do_GET(self):
        if not self.is_from_here():
            return self.refuse(403, "this server answers only its own page")
        if self.path == "/kept":
            return self.answer(self.server.with_readings(self.server.kept.state))
        if self.path == "/my_hand.zip":
            return self.answer(self.server.kept.zipped, "application/zip")
        if self.path not in FILES:
            return self.refuse(404, "there is no such page")
        name, kind = FILES[self.path]
        self.reply(200, (FOLDER / name).read_bytes(), kind)

    def do_POST(self):
        if not self.is_from_here():
            return self.refuse(403, "this server answers only its own page")
        if self.path not in self.server.answers:
            return self.refuse(404, "there is no such page")
        if self.headers.get_content_type() != "application/json":
            return self.refuse(415, "expected a body of the type application/json")
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()) or "Transfer-Encoding" in self.headers:
            return self.refuse(411, "expected a body with its Content-Length")
        if len(length) > 9 or int(length) > MOST_BYTES:
            return self.refuse(413, f"expected a body of at most {MOST_BYTES:,} bytes")
        body = self.rfile.read(int(length))
        self.answer(lambda: self.server.answers[self.path](json.loads(body)))

    def answer(self, work_out, kind="application/octet-stream"):
        try:
            answer = work_out()
        except (ValueError, RecursionError) as error:  # not JSON, nested too deep, or not sensible
            return self.refuse(400, str(error))
        except OSError as error:  # a full disk, a folder that is gone
            return self.refuse(500, str(error))
        self.reply(200, answer if isinstance(answer, bytes) else as_bytes(answer), kind)

    def is_from_here(self):
        """Whether the request was made to this server by its own page, or by no page at all."""
        origin = self.headers.get("Origin")
        return self.headers.get("Host") in self.server.hosts and (
            origin is None or origin in self.server.origins
        )

    def refuse(self, status, message):
        self.close_connection = True  # a body that was not read would be taken for a request
        self.reply(status, json.dumps({"error": message}).encode(), "application/json")

    def reply(self, status, body, kind):
        self.send_response(status)
        for name, value in HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def send_error(self, code, message=None, explain=None):
        """What http.server itself refuses, such as other methods, in the same form as the rest."""
        self.refuse(code, message or "this request cannot be answered")

    def version_string(self):
        return "tinynet"

    def log_message(self, format, *arguments):
        pass  # a line for each stroke helps nobody


def parse(arguments=None):
    parser = argparse.ArgumentParser(description="Draw a digit and see what the network sees.")
    parser.add_argument("--port", type=port, default=0, help="default: one that is free")
    parser.add_argument("--no-browser", action="store_true", help="only print the address")
    parser.add_argument(
        "--keep", metavar="FOLDER", help="a data set to add the digits to that you draw and label"
    )
    parser.add_argument(
        "--part", choices=PREFIX, default="train", help="of the data set (default: train)"
    )
    options = parser.parse_args(arguments)
    if options.part != "train" and options.keep is None:
        parser.error("--part needs --keep")
    return options


def port(text):
    value = int(text)
    if not 0 <= value < 65536:
        raise argparse.ArgumentTypeError(f"expected a port in 0 ... 65535, got {value}")
    return value


def main(options):
    kept = None
    if options.keep is not None:
        try:
            kept = Kept(options.keep, options.part)
        except (ValueError, OSError) as error:
            sys.exit(f"draw: cannot keep digits in {options.keep}: {error}")
    look = Look()
    try:
        server = Server(options.port, look, kept)
    except OSError as error:
        sys.exit(
            f"draw: cannot listen on port {options.port}: {error.strerror}. "
            "Without --port, a free one is taken."
        )
    address = f"http://127.0.0.1:{server.port}/"
    print(f"Draw a digit: {address}   (Ctrl-C ends)", flush=True)
    if kept:
        count = kept.state()["counts"][kept.part]
        print(f"It keeps digits in {options.keep}, part {kept.part}: {count} so far", flush=True)
    threading.Thread(target=look.read_digits, daemon=True).start()
    if not options.no_browser:
        webbrowser.open(address)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        print("\nEnded.")
    finally:
        server.server_close()
        if kept:
            kept.close()  # what is just being written is written to its end


if __name__ == "__main__":
    with ending_quietly():
        main(parse())
