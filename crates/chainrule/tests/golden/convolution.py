"""Golden numbers of convolution and pooling from PyTorch, in float64.

From the root of the repository, with PyTorch installed:

    python crates/chainrule/tests/golden/convolution.py > crates/chainrule/tests/golden/convolution.json

Inputs and weights are quarters, so the numbers are exact in every order of adding. The pile is the cosine of the place.
"""

import json

import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
torch.manual_seed(1)


def quarters(*sizes):
    return (torch.randint(-8, 9, sizes).double() / 4).requires_grad_()


def entry(kind, leaves, y, **settings):
    pile = torch.cos(torch.arange(y.numel(), dtype=torch.float64)).reshape(y.shape)
    slopes = torch.autograd.grad((y * pile).sum(), leaves)
    numbers = [{"sizes": list(t.shape), "numbers": t.flatten().tolist()} for t in (*leaves, y, *slopes)]
    return {"kind": kind, **settings, "leaves": numbers[: len(leaves)], "value": numbers[len(leaves)],
            "slopes": numbers[len(leaves) + 1 :]}


entries = []
for channels, outputs, stride, padding, dilation, groups in [
    (2, 3, [1, 1], [0, 0], [1, 1], 1),
    (2, 2, [2, 1], [1, 2], [1, 2], 1),
    (4, 4, [1, 2], [1, 0], [2, 1], 2),
    (3, 3, [2, 2], [1, 1], [1, 1], 3),
]:
    how = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    x, w = quarters(2, channels, 6, 7), quarters(outputs, channels // groups, 3, 2)
    entries.append(entry("conv2d", (x, w), F.conv2d(x, w, None, **how), **how))
    x, w = quarters(1, channels, 3, 4), quarters(channels, outputs // groups, 3, 2)
    extra = [s - 1 for s in stride]
    y = F.conv_transpose2d(x, w, None, output_padding=extra, **how)
    entries.append(entry("conv_transpose2d", (x, w), y, output_padding=extra, **how))
for window, stride, padding in [([2, 2], [2, 2], [0, 0]), ([3, 2], [1, 2], [1, 1])]:
    how = {"stride": stride, "padding": padding}
    x = quarters(2, 2, 6, 5)
    entries.append(entry("max_pool2d", (x,), F.max_pool2d(x, window, **how), window=window, **how))
    x = quarters(2, 2, 6, 5)
    y = F.avg_pool2d(x, window, count_include_pad=False, **how)
    entries.append(entry("avg_pool2d", (x,), y, window=window, **how))

print('{"made_with": ' + json.dumps(f"torch {torch.__version__.split('+')[0]}") + ', "entries": [')
print(",\n".join(json.dumps(e) for e in entries))
print("]}")
