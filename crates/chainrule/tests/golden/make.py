"""Golden numbers from PyTorch, an independent implementation of the same formulas, all in float64.

Made with PyTorch 2.15.0 on Python 3.11.7, on the CPU. From the root of the repository:

    pip install torch==2.15.0 numpy
    python crates/chainrule/tests/golden/make.py > crates/chainrule/tests/golden/golden.json

Each entry carries its inputs, so that nothing has to be computed twice. Where PyTorch's defaults differ from the
optimisers here (the epsilons, alpha), they are set below.
"""

import json
import math
import re

import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)

# Exact in float32 too, and from where an exponential would overflow there.
POINTS = [-100.0, -20.0, -6.0, -3.0, -1.0, -0.5, -0.125, 0.0, 0.125, 0.5, 1.0, 3.0, 6.0, 20.0, 100.0]

ACTIVATIONS = {
    "identity": lambda x: x.clone(),
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": F.relu,
    "leaky-relu": lambda x: F.leaky_relu(x, negative_slope=0.01),
    "elu": lambda x: F.elu(x, alpha=1.0),
    "gelu": lambda x: F.gelu(x, approximate="none"),
    "silu": F.silu,
    "softplus": F.softplus,
}

# The exponentials of the last row overflow, in float64 too. Among the errors are 0 and the delta of the Huber loss.
OUTPUTS = [[0.3, -1.2, 2.5, 0.7], [50.0, -50.0, 1.0, -0.25], [-50.0, 3.0, 50.0, 49.5], [-1000.0, 3.0, 1000.0, 100.0]]
VALUES = [[0.1, -1.0, 2.5, 0.0], [1.0, -1.5, 0.25, -0.5], [-49.8, 2.0, -3.0, 48.0], [-990.0, 3.5, 1000.25, 0.0]]
PROBABILITIES = [[0.0, 1.0, 1.0, 0.25], [1.0, 1.0, 0.0, 0.5], [0.0, 0.0, 0.75, 1.0], [0.0, 1.0, 1.0, 0.5]]
CLASSES = [2, 1, 3, 3]

# The text of the loss, its target and its formula.
LOSSES = [
    # PyTorch has no such loss; its summed square error over the size of the batch is twice as much.
    ("quadratic", VALUES, lambda a, y: 0.5 * F.mse_loss(a, y, reduction="sum") / a.shape[0]),
    ("mse", VALUES, F.mse_loss),
    ("mae", VALUES, F.l1_loss),
    ("huber:0.7", VALUES, lambda a, y: F.huber_loss(a, y, delta=0.7)),
    ("huber:1", VALUES, F.huber_loss),
    ("cross-entropy", CLASSES, F.cross_entropy),
    ("cross-entropy:0.1", CLASSES, lambda a, y: F.cross_entropy(a, y, label_smoothing=0.1)),
    ("binary-cross-entropy", PROBABILITIES, F.binary_cross_entropy_with_logits),
]

RATE = 0.05
WEIGHTS = [[0.5, -1.25, 2.0], [0.0, 0.3, -0.7]]
BIASES = [1.5, -0.02, 0.9]
STEPS = 10

# Given the matrix and the biases, of which only the matrix decays.
OPTIMIZERS = {
    "sgd": lambda w, b: torch.optim.SGD([w, b], lr=RATE),
    "momentum:0.9": lambda w, b: torch.optim.SGD([w, b], lr=RATE, momentum=0.9),
    "nesterov:0.9": lambda w, b: torch.optim.SGD([w, b], lr=RATE, momentum=0.9, nesterov=True),
    "adagrad": lambda w, b: torch.optim.Adagrad([w, b], lr=RATE, eps=1e-8),
    "rmsprop:0.9": lambda w, b: torch.optim.RMSprop([w, b], lr=RATE, alpha=0.9, eps=1e-8),
    "adam": lambda w, b: torch.optim.Adam([w, b], lr=RATE, betas=(0.9, 0.999), eps=1e-8),
    "adamw:0.1": lambda w, b: torch.optim.AdamW(
        [{"params": [w], "weight_decay": 0.1}, {"params": [b], "weight_decay": 0.0}],
        lr=RATE,
        betas=(0.9, 0.999),
        eps=1e-8,
    ),
}

SCORES = [[1.0, -2.0, 0.5, 3.0, 0.0], [50.0, -50.0, 49.0, 0.0, 48.5], [900.0, 1000.0, -1000.0, 0.0, -745.0]]
MIX = [[0.2, -1.0, 0.7, 1.5, -0.3], [1.0, 2.0, -3.0, 0.5, 0.25], [0.5, -0.4, 1.0, 2.0, 0.1]]


def activations():
    entries = []
    for name, function in ACTIVATIONS.items():
        x = torch.tensor(POINTS, requires_grad=True)
        y = function(x)
        y.sum().backward()
        entries.append({"name": name, "x": POINTS, "value": y.tolist(), "derivative": x.grad.tolist()})
    return entries


def losses():
    entries = []
    for text, target, function in LOSSES:
        a = torch.tensor(OUTPUTS, requires_grad=True)
        cost = function(a, torch.tensor(target))
        cost.backward()
        entries.append(
            {"loss": text, "outputs": OUTPUTS, "target": target, "value": cost.item(), "gradient": a.grad.tolist()}
        )
    return entries


def optimizers():
    count = len(WEIGHTS) * len(WEIGHTS[0])
    gradients = [[math.sin(i + t) for i in range(count + len(BIASES))] for t in range(STEPS)]
    runs = []
    for text, make in OPTIMIZERS.items():
        w = torch.tensor(WEIGHTS, requires_grad=True)
        b = torch.tensor(BIASES, requires_grad=True)
        optimizer = make(w, b)
        after = {}
        for step, gradient in enumerate(gradients, start=1):
            w.grad = torch.tensor(gradient[:count]).reshape(w.shape)
            b.grad = torch.tensor(gradient[count:])
            optimizer.step()
            if step in (1, 2, STEPS):
                after[step] = w.flatten().tolist() + b.tolist()
        runs.append({"optimizer": text, "after": after})
    return {"rate": RATE, "weights": WEIGHTS, "biases": BIASES, "gradients": gradients, "runs": runs}


def softmax():
    entries = []
    for name, function in [("softmax", F.softmax), ("log-softmax", F.log_softmax)]:
        x = torch.tensor(SCORES, requires_grad=True)
        y = function(x, dim=1)
        (y * torch.tensor(MIX)).sum().backward()
        entries.append({"name": name, "x": SCORES, "mix": MIX, "value": y.tolist(), "gradient": x.grad.tolist()})
    return entries


golden = {
    "made_with": "torch " + torch.__version__.split("+")[0],
    "activations": activations(),
    "losses": losses(),
    "optimizers": optimizers(),
    "softmax": softmax(),
}
text = json.dumps(golden, indent=2, allow_nan=False)
# The innermost lists on one line each.
print(re.sub(r"\[[^\[\]{}]*\]", lambda found: re.sub(r"\s+", " ", found[0]), text))
