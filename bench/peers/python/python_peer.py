"""Plain Python: a reverse-mode tape of scalars, without any package."""

import platform

import protocol

CHAIN_ONLY = "scalars only"
WORKLOAD = protocol.begin(
    unsupported={"train": CHAIN_ONLY, "infer": CHAIN_ONLY, "convolve": CHAIN_ONLY, "process": CHAIN_ONLY}
)


class Tape:
    """The operations in the order in which they were done.

    An operation is a tuple of (parent, slope) laid flat: what it was made from
    and its derivative by that. Only numbers are in there, so the tape keeps no
    scalar alive and gives the garbage collector nothing to follow.
    """

    __slots__ = ("operations",)

    def __init__(self):
        self.operations = []

    def scalar(self, value):
        """A scalar from which others are made."""
        return self.record(value, ())

    def record(self, value, operation):
        operations = self.operations
        scalar = Scalar(self, len(operations), value)
        operations.append(operation)
        return scalar


class Scalar:
    """A number that remembers how it came to be."""

    __slots__ = ("tape", "index", "value")

    def __init__(self, tape, index, value):
        self.tape = tape
        self.index = index
        self.value = value

    def __add__(self, other):
        if isinstance(other, Scalar):
            return self.tape.record(
                self.value + other.value, (self.index, 1.0, other.index, 1.0)
            )
        return self.tape.record(self.value + other, (self.index, 1.0))

    def __mul__(self, other):
        if isinstance(other, Scalar):
            return self.tape.record(
                self.value * other.value, (self.index, other.value, other.index, self.value)
            )
        return self.tape.record(self.value * other, (self.index, other))

    __radd__ = __add__
    __rmul__ = __mul__

    def gradient(self):
        """The derivatives of this scalar by every scalar up to it."""
        operations = self.tape.operations
        slopes = [0.0] * (self.index + 1)
        slopes[self.index] = 1.0
        for index in range(self.index, -1, -1):
            slope = slopes[index]
            operation = operations[index]
            if len(operation) == 4:
                left, by_left, right, by_right = operation
                slopes[left] += slope * by_left
                slopes[right] += slope * by_right
            elif operation:
                parent, by_parent = operation
                slopes[parent] += slope * by_parent
        return slopes


def chain_step(length):
    """The last x, and its derivatives by the first x and by y."""
    tape = Tape()
    first = tape.scalar(protocol.CHAIN_X)
    y = tape.scalar(protocol.CHAIN_Y)
    x = first
    for _ in range(length):
        x = (x + y) * (x * y + 1)
    slopes = x.gradient()
    return x.value, slopes[first.index], slopes[y.index]


def chain(workload):
    def run(steps):
        for _ in range(steps):
            chain_step(workload.length)
        return steps

    protocol.take_turns(f"python {platform.python_version()}", run)


if __name__ == "__main__":
    chain(WORKLOAD)
