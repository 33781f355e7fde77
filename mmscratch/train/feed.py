"""Batches, epoch after epoch, in an order that can be stopped anywhere and continued there."""

import itertools

__all__ = ["Feed"]


class Feed:
    """Hands out batches and knows where it is.

    batches: one of
        an object with ``state_dict`` and ``load_state_dict``: it continues by itself;
        a function of ``generator`` that gives the batches of an epoch, called at its start: to continue, the
        generator is put back to where it was then, and the batches that were had are skipped;
        any iterable that can be gone through again and again: the batches that were had are skipped.
    """

    def __init__(self, batches, generator=None):
        self.batches, self.generator = batches, generator
        self.own = hasattr(batches, "state_dict") and hasattr(batches, "load_state_dict")
        if not self.own and not callable(batches) and iter(batches) is batches:
            raise TypeError(
                f"fit: batches is a {type(batches).__name__} that can be gone through once only; "
                "give a list, a function that makes one, or an object with __iter__"
            )
        self.epoch, self.position = 0, 0
        self._began = None

    def __len__(self):
        """Batches in an epoch; TypeError where that is not known."""
        return len(self.batches)

    def rest(self):
        """The batches of this epoch that were not handed out yet; at their end the next epoch begins."""
        if self.generator is not None:
            if self.position == 0:
                self._began = self.generator.state_dict()
            elif not self.own:
                now = self.generator.state_dict()
                self.generator.load_state_dict(self._began)
        called = callable(self.batches) and not self.own
        source = iter(self.batches(*self._arguments()) if called else self.batches)
        had = self.position
        if had and not self.own:
            next(itertools.islice(source, had - 1, had), None)
            if self.generator is not None:
                self.generator.load_state_dict(now)
        for batch in source:
            self.position += 1
            yield batch
        if self.position == 0:
            raise ValueError(f"fit: batches gave nothing in epoch {self.epoch}")
        self.epoch, self.position = self.epoch + 1, 0

    def _arguments(self):
        return () if self.generator is None else (self.generator,)

    def state_dict(self):
        """Where we are, in plain numbers."""
        return {
            "epoch": self.epoch,
            "position": self.position,
            "began": self._began,
            "batches": self.batches.state_dict() if self.own else None,
        }

    def load_state_dict(self, state):
        """Go there: the next ``rest()`` gives the batches that were still to come."""
        self.epoch, self.position, self._began = int(state["epoch"]), int(state["position"]), state["began"]
        if self.own:
            self.batches.load_state_dict(state["batches"])
