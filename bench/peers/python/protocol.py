"""What the Python contestants share: the argument, the data, the turns.

The rules are in PROTOCOL.md. A contestant calls `begin` before it imports any
numeric package, because most of them read the environment and the set of
allowed processors only once, while they are being imported. For the same
reason numpy is imported inside the functions here that need it.
"""

import gzip
import json
import math
import os
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

MODES = ("train", "infer", "convolve", "chain", "process")
ACTIVATIONS = ("relu", "sigmoid")
LOSSES = ("cross-entropy", "quadratic")
OPTIMIZERS = ("sgd", "momentum", "adam")

# The constants of the optimisers, as PROTOCOL.md sets them.
MOMENTUM = 0.9
ADAM_BETA1 = 0.9
ADAM_BETA2 = 0.999
ADAM_EPSILON = 1e-8

# The start of the chain of scalars.
CHAIN_X = 0.1
CHAIN_Y = 1e-6

BATCH_COUNT = 64
MIN_BATCH_COUNT = 2
DATA_LIMIT_BYTES = 256 * 1024 * 1024

WARM_UP_SECONDS = 0.5
WARM_UP_MIN_STEPS = 2

# Users set these to make OpenBLAS agree with itself across machines; they can
# pick a slower kernel than the processor allows.
SLOWING_VARIABLES = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

# How long idle threads spin before they sleep: about a millisecond, which is
# longer than the gaps within a step. By themselves they would run on into the
# next contestant's turn, OpenBLAS's for a tenth of a second.
SPINNING_VARIABLES = {
    "OPENBLAS_THREAD_TIMEOUT": "22",  # 2 to the power of this many clock cycles
    "GOMP_SPINCOUNT": "100000",  # rounds of a loop that waits
}

# The name under which a module is installed, where it differs.
PACKAGES = {"sklearn": "scikit-learn"}


@dataclass(frozen=True)
class Workload:
    """The checked argument; fields which the mode does not use are None."""

    mode: str
    threads: int
    sizes: tuple[int, ...] | None = None
    input: tuple[int, ...] | None = None
    layers: tuple[dict, ...] | None = None
    activation: str | None = None
    batch: int | None = None
    loss: str | None = None
    optimizer: str | None = None
    rate: float | None = None
    length: int | None = None
    data: Path | None = None
    model: Path | None = None

    @property
    def activates_output(self) -> bool:
        """Whether the activation also follows the last layer."""
        return self.loss == "quadratic"

    def step_flops(self) -> int:
        """About how many floating-point operations a step takes."""
        weights = sum(a * b for a, b in zip(self.sizes, self.sizes[1:]))
        forward = 2 * weights * self.batch
        return forward if self.mode == "infer" else 3 * forward


# ---- The argument -----------------------------------------------------------


class BadArgument(Exception):
    """Something in the argument is missing or makes no sense."""


def begin(unsupported: dict[str, str] | None = None) -> Workload:
    """Read the argument and limit the process, before numeric imports.

    `unsupported` gives a reason for each mode that the contestant lacks.
    """
    try:
        workload = parse_arguments(sys.argv[1:])
    except BadArgument as problem:
        fail(str(problem))
    reason = (unsupported or {}).get(workload.mode)
    if reason is not None:
        refuse(reason)
    limit_process(workload.threads)
    return workload


def parse_arguments(arguments: list[str]) -> Workload:
    """Check the one argument, a JSON object, and give it names and types."""
    if len(arguments) != 1:
        raise BadArgument(f"expected one argument, a JSON object, got {len(arguments)}")
    try:
        fields = json.loads(arguments[0])
    except (ValueError, RecursionError) as problem:
        raise BadArgument(f"the argument is not JSON: {problem}") from None
    if not isinstance(fields, dict):
        raise BadArgument("the argument must be a JSON object")

    mode = _choice(fields, "mode", MODES)
    threads = _count(fields, "threads")
    if mode == "chain":
        return Workload(mode, threads, length=_count(fields, "length"))

    if mode == "convolve":
        image, layers = tuple(_field(fields, "input")), tuple(_field(fields, "layers"))
        return Workload(
            mode,
            threads,
            sizes=(math.prod(image), layers[-1]["outputs"]),
            input=image,
            layers=layers,
            activation="relu",
            batch=_count(fields, "batch"),
            loss=_choice(fields, "loss", LOSSES),
            optimizer=_choice(fields, "optimizer", OPTIMIZERS),
            rate=_rate(fields),
        )

    network = {
        "sizes": _sizes(fields),
        "activation": _choice(fields, "activation", ACTIVATIONS),
        "batch": _count(fields, "batch"),
    }
    if mode == "infer":
        # The loss only tells whether the outputs are activated.
        fields.setdefault("loss", "cross-entropy")
        return Workload(mode, threads, **network, loss=_choice(fields, "loss", LOSSES))

    network |= {
        "loss": _choice(fields, "loss", LOSSES),
        "optimizer": _choice(fields, "optimizer", OPTIMIZERS),
        "rate": _rate(fields),
    }
    if mode == "process":
        network |= {"data": _path(fields, "data"), "model": _path(fields, "model")}
    return Workload(mode, threads, **network)


def _field(fields, name):
    if name not in fields:
        raise BadArgument(f"{name} is missing")
    return fields[name]


def _choice(fields, name, choices):
    value = _field(fields, name)
    if value not in choices:
        raise BadArgument(f"{name} must be one of {', '.join(choices)}, not {value!r}")
    return value


def _is_count(value) -> bool:
    # True and False are integers to Python, but not to the protocol.
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _count(fields, name):
    value = _field(fields, name)
    if not _is_count(value):
        raise BadArgument(f"{name} must be a whole number of at least 1, not {value!r}")
    return value


def _sizes(fields):
    value = _field(fields, "sizes")
    if not isinstance(value, list) or len(value) < 2 or not all(map(_is_count, value)):
        raise BadArgument(f"sizes must be two or more whole numbers of at least 1, not {value!r}")
    return tuple(value)


def _rate(fields):
    value = _field(fields, "rate")
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or not 0 < value < math.inf:
        raise BadArgument(f"rate must be a positive number, not {value!r}")
    return float(value)


def _path(fields, name):
    value = _field(fields, name)
    if not isinstance(value, str) or not value:
        raise BadArgument(f"{name} must be a path, not {value!r}")
    return Path(value)


# ---- The process ------------------------------------------------------------


def fail(message: str):
    """End because of a wrong call."""
    print(f"{Path(sys.argv[0]).name}: {message}", file=sys.stderr)
    sys.exit(2)


def refuse(reason: str):
    """End because the contestant cannot do this workload."""
    _say({"ready": False, "reason": reason})
    sys.exit(0)


@contextmanager
def refusing_if_missing():
    """Turn a failed import in the body into a refusal."""
    try:
        yield
    except ModuleNotFoundError as problem:
        module = (problem.name or "a package").partition(".")[0]
        refuse(f"{PACKAGES.get(module, module)} is not installed")


def limit_process(threads: int):
    """Keep every library in this process to so many threads.

    The libraries' own settings leave gaps (pools that they start for
    themselves, or no setting at all), so the process is also bound to as many
    processors as it may have threads.
    """
    for name in SLOWING_VARIABLES:
        os.environ.pop(name, None)
    for name in THREAD_VARIABLES:
        os.environ[name] = str(threads)
    os.environ.update(SPINNING_VARIABLES)
    if hasattr(os, "sched_setaffinity"):
        allowed = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, allowed[:threads])


# ---- The turns --------------------------------------------------------------


def take_turns(version: str, run, loss=None):
    """Warm up, say that all is ready, then work whenever a line asks for it.

    `run(steps)` does at least so many steps, waits for the results and returns
    how many steps it did. `loss()` is the loss of the first batch; how it
    changed goes to standard error, as a sign that the steps were real work.
    """
    first_loss = loss() if loss else None
    warm_up(run)
    _say({"ready": True, "version": version})
    for line in sys.stdin:
        _say(timed_turn(run, _steps(line)))
    if loss:
        print(f"loss of the first batch: {first_loss:.4f}, then {loss():.4f}", file=sys.stderr)


def warm_up(run):
    """Work until compilers, allocators and caches have settled."""
    end = time.monotonic() + WARM_UP_SECONDS
    steps = 0
    while steps < WARM_UP_MIN_STEPS or time.monotonic() < end:
        steps += run(1)


def timed_turn(run, steps: int) -> dict:
    """Do a turn and describe it as the reply does."""
    cpu_start = time.process_time_ns()
    wall_start = time.perf_counter_ns()
    done = run(steps)
    wall_end = time.perf_counter_ns()
    cpu_end = time.process_time_ns()
    return {"steps": done, "wall_ns": wall_end - wall_start, "cpu_ns": cpu_end - cpu_start}


def in_turn(items):
    """Walk round `items` for ever, so that a turn starts where the last ended.

    This is `itertools.cycle` without its copy of the items.
    """
    while True:
        yield from items


def _steps(line: str) -> int:
    text = line.strip()
    if not (text.isascii() and text.isdecimal() and int(text) >= 1):
        fail(f"expected a whole number of steps of at least 1, got {text!r}")
    return int(text)


def _say(answer: dict):
    # One write, so that a reader never sees half a line.
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


# ---- The data ---------------------------------------------------------------


def make_batches(workload: Workload):
    """Random inputs (count × batch × inputs) and classes (count × batch)."""
    import numpy as np

    inputs, outputs = workload.sizes[0], workload.sizes[-1]
    batch_bytes = workload.batch * inputs * np.dtype(np.float32).itemsize
    count = max(MIN_BATCH_COUNT, min(BATCH_COUNT, DATA_LIMIT_BYTES // batch_bytes))
    random = np.random.default_rng(1)
    features = random.random((count, workload.batch, inputs), dtype=np.float32)
    classes = random.integers(outputs, size=(count, workload.batch))
    return features, classes


def make_targets(workload: Workload, classes):
    """What the loss compares with: class indices, or one-hot rows of f32."""
    import numpy as np

    if workload.loss == "cross-entropy":
        return classes
    return np.eye(workload.sizes[-1], dtype=np.float32)[classes]


def make_convolution_parameters(workload: Workload):
    """A (weights, biases) pair for each layer of a convolutional network.

    Weights are outputs × channels × height × width, or inputs × outputs of a
    dense layer.
    """
    import numpy as np

    random = np.random.default_rng(2)
    channels, height, width = workload.input
    parameters = []
    for layer in workload.layers:
        outputs, kernel = layer["outputs"], layer["kernel"]
        if kernel:
            shape = (outputs, channels, kernel, kernel)
            height, width = (side + 2 * layer["padding"] + 1 - kernel for side in (height, width))
        else:
            shape = (channels * height * width, outputs)
            height = width = 1
        seen = math.prod(shape) // outputs
        weights = random.standard_normal(shape, dtype=np.float32) * np.float32(math.sqrt(2 / seen))
        parameters.append((weights, np.zeros(outputs, dtype=np.float32)))
        channels = outputs
        height, width = (side // (layer["pool"] or 1) for side in (height, width))
    return parameters


def make_parameters(workload: Workload):
    """A (weights: inputs × outputs, biases) pair of f32 for each layer.

    The spread of the weights keeps the signal's size through many layers
    (twice the variance for ReLU, which drops half of its inputs), so that deep
    networks learn too.
    """
    import numpy as np

    gain = 2.0 if workload.activation == "relu" else 1.0
    random = np.random.default_rng(2)
    parameters = []
    for inputs, outputs in zip(workload.sizes, workload.sizes[1:]):
        weights = random.standard_normal((inputs, outputs), dtype=np.float32)
        weights *= np.float32(math.sqrt(gain / inputs))
        parameters.append((weights, np.zeros(outputs, dtype=np.float32)))
    return parameters


@dataclass(frozen=True)
class Mnist:
    """Images as rows of f32 in [0, 1], labels as class indices."""

    train_images: object
    train_labels: object
    test_images: object
    test_labels: object


def read_mnist(workload: Workload) -> Mnist:
    """Read the four files from the workload's folder."""
    try:
        mnist = Mnist(
            _read_images(workload.data / "train-images-idx3-ubyte.gz"),
            _read_labels(workload.data / "train-labels-idx1-ubyte.gz"),
            _read_images(workload.data / "t10k-images-idx3-ubyte.gz"),
            _read_labels(workload.data / "t10k-labels-idx1-ubyte.gz"),
        )
    except (OSError, EOFError, ValueError) as problem:
        fail(f"cannot read the data: {problem}")
    pixels = mnist.train_images.shape[1]
    if workload.sizes[0] != pixels:
        fail(f"the images have {pixels} pixels, but the network has {workload.sizes[0]} inputs")
    if mnist.train_labels.max() >= workload.sizes[-1]:
        fail(f"the labels go up to {mnist.train_labels.max()}, "
             f"but the network has {workload.sizes[-1]} outputs")
    return mnist


def shuffled_batches(count: int, batch: int):
    """The indices of one epoch's batches; the last may be smaller."""
    import numpy as np

    order = np.random.default_rng(3).permutation(count)
    return [order[start : start + batch] for start in range(0, count, batch)]


def report_accuracy(predicted, labels):
    """Say how many of the test images were recognised."""
    accuracy = float((predicted == labels).mean())
    print(f"accuracy: {accuracy:.4f}", file=sys.stderr)


def _read_images(path: Path):
    import numpy as np

    pixels, shape = _read_idx(path, dimensions=3)
    images = pixels.reshape(shape[0], shape[1] * shape[2])
    return images.astype(np.float32) / np.float32(255)


def _read_labels(path: Path):
    import numpy as np

    labels, _ = _read_idx(path, dimensions=1)
    return labels.astype(np.int64)


def _read_idx(path: Path, dimensions: int):
    """The bytes and the shape in an IDX file: magic, sizes, then the bytes."""
    import numpy as np

    with gzip.open(path) as file:
        content = file.read()
    header = np.frombuffer(content, dtype=">u4", count=1 + dimensions)
    unsigned_byte = 0x08
    if header[0] != (unsigned_byte << 8 | dimensions):
        raise ValueError(f"{path} is not an IDX file of bytes in {dimensions} dimensions")
    shape = tuple(int(size) for size in header[1:])
    values = np.frombuffer(content, dtype=np.uint8, offset=header.nbytes)
    if values.size != math.prod(shape):
        raise ValueError(f"{path} has {values.size} values, not {math.prod(shape)}")
    return values, shape
