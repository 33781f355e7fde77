"""Ctrl-C during training: finish the step, save, stop. A second one stops at once."""

import signal
import threading

__all__ = ["Interrupt"]


class Interrupt:
    """Within it, the first SIGINT only sets ``asked``; elsewhere than in the main thread it does nothing."""

    def __init__(self):
        self.asked = False
        self._before = None

    def __enter__(self):
        standard = signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if standard and threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._handle)
        return self

    def _handle(self, number, frame):
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True

    def __exit__(self, *exception):
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
