"""One pass at a time through the same layers, in whatever threads they are asked.

A layer keeps what its backward needs, and a compiled network its activations, so two passes at once
would mix theirs. Passes that share a layer therefore wait for each other; but two that train would
move the same weights from two sides, which no order makes right: the second is refused.

Evaluation (`state.evaluating`) is something of the thread that evaluates: there `layer.training`
is False, and what layers keep for a backward lies aside. So it changes nothing that another thread,
or a training pass between its forward and its backward, could see.
"""

import os
import sys
import threading
import time
from threading import get_ident

PATIENCE = 0.05  # seconds between looks whether a pass that others wait for is still there
LONGEST = 120  # seconds to wait for one pass: it may be waiting for this one


class _Here(threading.local):
    """What is so in this thread only."""

    kept = None  # within `evaluating`: {id(layer): what it keeps for backward}
    known = None  # within a reader's layer: the ids of all layers that were found


here = _Here()
_running, _waiting = [], []  # passes, in all threads
_changed = threading.Condition()


class Pass:
    """A pass through a layer or network, as a with statement around it."""

    __slots__ = ("network", "thread", "frame", "training")

    def __init__(self, network):
        self.network = network

    def __enter__(self):
        self.thread, self.frame = get_ident(), sys._getframe(1)
        self.training = self.network.training
        with _changed:
            if _running or _waiting:
                self._wait_for_others()
            _running.append(self)

    def __exit__(self, *error):
        with _changed:
            if self in _running:
                _running.remove(self)
            _changed.notify_all()
        self.frame = None

    def _wait_for_others(self):
        """Wait, in the order of arrival; or raise, where waiting would not help."""
        _waiting.append(self)
        before, since = None, time.monotonic()
        try:
            while (other := self._first_to_wait_for()) is not None:
                if other is not before:
                    before, since = other, time.monotonic()
                if time.monotonic() - since > LONGEST:
                    raise RuntimeError(
                        f"{_title(self.network)}: waited {LONGEST} s for another thread's pass of "
                        "these layers; a layer may not wait for threads that run its own parts"
                    )
                _changed.wait(PATIENCE)
        finally:
            _waiting.remove(self)

    def _first_to_wait_for(self):
        """A pass that has to end before this one may begin, or None."""
        layers, within = _layers(self.network), False
        for other in list(_running):
            if other.thread == self.thread:
                within = True
                if other.network is self.network and other.is_there():
                    raise RuntimeError(
                        f"{_title(self.network)}: called again from inside its own pass; what its "
                        "layers keep for backward would be lost: use a copy of it there"
                    )
            elif not layers.isdisjoint(_layers(other.network)) and other.is_there():
                if other.training and self.training:
                    raise RuntimeError(
                        f"{_title(self.network)}: another thread is training these layers; train "
                        "in one thread at a time, or give each a copy (copy.deepcopy)"
                    )
                return other
        if within:  # inside a pass that runs, and that the waiting ones may wait for
            return None
        earlier = _waiting[: _waiting.index(self)]
        return next((p for p in earlier if not layers.isdisjoint(_layers(p.network))), None)

    def is_there(self):
        """False for a pass that an interrupt ended before its __exit__ was reached."""
        frame = sys._current_frames().get(self.thread)
        while frame is not None and frame is not self.frame:
            frame = frame.f_back
        if frame is None and self in _running:
            _running.remove(self)
        return frame is not None


def _layers(network):
    """The ids of a network's layers; of one that cannot find them, none: its own pass raises."""
    try:
        return {id(layer) for _, layer in network.named_layers()}
    except (TypeError, ValueError):
        return set()


def _title(network):
    return type(network).__name__


def _forget_passes():
    """A forked process has none of its parent's threads."""
    global _changed
    _running.clear()
    _waiting.clear()
    _changed = threading.Condition()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_passes)
