"""Progress bars that stay tidy: live in terminals and notebooks, one line each in log files."""

import sys
import time

from tqdm.auto import tqdm  # a widget in notebooks, text elsewhere
from tqdm.std import tqdm as text_tqdm

from .printing import BAR, shows

if sys.platform in ("emscripten", "wasi"):
    tqdm.monitor_interval = 0  # what watches over slow bars is a thread, and there are none


class Bar:
    """A bar of `total` steps, of which some are done: step(postfix) after each of the others; use
    it in a with statement.
    """

    def __init__(self, total, description, show=True, done=0):
        show = show and sys.stderr is not None  # None: closed, or a program without a console
        self.total, self.description, self.show = total, description, show
        in_notebook = any("notebook" in base.__module__ for base in tqdm.__mro__)
        self.live = show and (in_notebook or sys.stderr.isatty())
        self.bar = tqdm(total=total, desc=description, initial=done, disable=not self.live)
        self.started = time.perf_counter()
        self.done, self.postfix = done, ""

    def step(self, postfix=""):
        self.done += 1
        self.postfix = postfix
        self.bar.set_postfix_str(postfix, refresh=False)
        self.bar.update()

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        self.bar.close()
        if self.show and not self.live and kind is None:
            seconds = time.perf_counter() - self.started
            line = text_tqdm.format_meter(
                self.done,
                self.total,
                seconds,
                prefix=self.description,
                postfix=self.postfix,
                ascii=not shows(sys.stderr, BAR),
            )
            print(line, file=sys.stderr)
