"""Writes the golden files in `fixtures`: models of other libraries, samples, and what these libraries say of them.

    pip install torch==2.15.0 onnxscript skl2onnx scikit-learn==1.9.1
    python crates/onnx/tests/make_fixtures.py
"""

import gzip
import json

import numpy as np
import onnx
import skl2onnx
import torch
from skl2onnx.common.data_types import FloatTensorType
from sklearn.datasets import load_iris, load_diabetes
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from golden import HERE, save


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = torch.nn.Conv2d(1, 4, 3, padding=1)
        self.conv2 = torch.nn.Conv2d(4, 8, 3, stride=2)
        self.fc1 = torch.nn.Linear(8 * 3 * 3, 16)
        self.fc2 = torch.nn.Linear(16, 5)

    def forward(self, x):
        x = torch.nn.functional.max_pool2d(torch.relu(self.conv1(x)), 2)
        x = torch.nn.functional.leaky_relu(self.conv2(x))
        x = torch.flatten(x, 1)
        x = torch.tanh(self.fc1(x))
        return self.fc2(x)


class Around(torch.nn.Sequential):
    """x + f(x)."""

    def forward(self, x):
        return x + super().forward(x)


def torch_chain(name, net, x, dynamo):
    """A chain of layers, by one of the exporters."""
    net = net.eval()
    name = f"{name}_{'dynamo' if dynamo else 'script'}"
    path = HERE / f"{name}.onnx"
    axes = {"dynamic_shapes": ({0: torch.export.Dim("n")},)} if dynamo else {"dynamic_axes": {"x": {0: "n"}}}
    torch.onnx.export(net, (x,), str(path), dynamo=dynamo, input_names=["x"], **axes)
    model = onnx.load(str(path))
    for extra in HERE.glob("*.data"):
        extra.unlink()
    save(name, model, x.numpy(), net(x).detach().numpy())


def torch_network():
    for dynamo in (True, False):
        torch.manual_seed(0)
        net = Net().eval()
        torch_chain("torch", net, torch.rand(6, 1, 14, 14), dynamo)


def torch_norms_and_links():
    nn = torch.nn
    conv = lambda a, b: nn.Conv2d(a, b, 3, padding=1, bias=False)
    torch.manual_seed(2)
    nets = {
        "residual": (nn.Sequential(
            conv(1, 4), nn.BatchNorm2d(4), nn.ReLU(),
            Around(conv(4, 4), nn.BatchNorm2d(4), nn.ReLU(), conv(4, 4), nn.BatchNorm2d(4)), nn.ReLU(), nn.MaxPool2d(2),
            Around(nn.BatchNorm2d(4), nn.ReLU(), conv(4, 4)), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5),
        ), torch.rand(6, 1, 14, 14)),
        "norms": (nn.Sequential(
            nn.Conv2d(2, 4, 3, padding=1), nn.GroupNorm(2, 4), nn.ReLU(), nn.Conv2d(4, 4, 3),
            nn.InstanceNorm2d(4, affine=True), nn.ELU(), nn.LayerNorm([4, 4, 4], elementwise_affine=False),
            nn.MaxPool2d(2), nn.Flatten(), nn.Linear(16, 6), nn.LayerNorm(6, eps=1e-3), nn.Tanh(), nn.Linear(6, 3),
        ), torch.randn(6, 2, 6, 6)),
        "mlp": (nn.Sequential(
            nn.Linear(4, 8), nn.LayerNorm(8), nn.ReLU(),
            Around(nn.LayerNorm(8), nn.Linear(8, 8), nn.SiLU(), nn.Linear(8, 8)), nn.Linear(8, 3),
        ), torch.randn(6, 4)),
        "rms": (nn.Sequential(
            nn.Linear(5, 6), nn.RMSNorm(6), nn.SiLU(), Around(nn.RMSNorm(6, eps=1e-2), nn.Linear(6, 6)), nn.Linear(6, 3),
        ), torch.randn(6, 5)),
    }
    for name, (net, x) in nets.items():
        for module in net.modules():
            if isinstance(module, (nn.BatchNorm2d, nn.GroupNorm, nn.InstanceNorm2d, nn.LayerNorm, nn.RMSNorm)):
                for parameter in module.parameters():
                    parameter.data += 0.3 * torch.randn_like(parameter)
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.normal_()
                module.running_var.uniform_(0.5, 2)
        for dynamo in (True, False):
            # The older exporter has no RMSNorm.
            if dynamo or name != "rms":
                torch_chain(f"torch_{name}", net, x, dynamo)


class Block(torch.nn.Module):
    """Two convolutions with batch norms, and what goes around them (He et al. 2015)."""

    def __init__(self, channels, outputs, stride):
        super().__init__()
        nn = torch.nn
        conv = lambda a, b, size, stride: nn.Conv2d(a, b, size, stride, size // 2, bias=False)
        self.inner = nn.Sequential(
            conv(channels, outputs, 3, stride), nn.BatchNorm2d(outputs), nn.ReLU(),
            conv(outputs, outputs, 3, 1), nn.BatchNorm2d(outputs),
        )
        self.around = nn.Sequential(conv(channels, outputs, 1, stride), nn.BatchNorm2d(outputs))

    def forward(self, x):
        return torch.relu(self.inner(x) + self.around(x))


class Transformer(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = torch.nn.Embedding(20, 8)
        self.layer = torch.nn.TransformerEncoderLayer(8, 2, 12, batch_first=True, activation="gelu", norm_first=True)
        self.out = torch.nn.Linear(8, 5)

    def forward(self, x):
        return self.out(self.layer(self.embedding(x)))


class Upwards(torch.nn.Module):
    def __init__(self):
        super().__init__()
        nn = torch.nn
        self.down, self.up = nn.Conv2d(2, 4, 3, padding=1), nn.ConvTranspose2d(4, 3, 3, 2, 1, 1)
        self.norm, self.active = nn.GroupNorm(3, 3), nn.PReLU()

    def forward(self, x):
        functional = torch.nn.functional
        y = self.active(self.up(functional.silu(self.down(x))))
        y = self.norm(functional.interpolate(y, scale_factor=2, mode="bilinear"))
        return functional.pad(y, (1, 2, 0, 1), mode="reflect")[:, :, ::2].softmax(1)


def torch_graphs():
    """Graphs that are no chains, packed as `collect_node_tests.py` does, by both exporters."""
    torch.manual_seed(1)
    nn = torch.nn
    residual = nn.Sequential(
        nn.Conv2d(3, 4, 7, 2, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(3, 2, 1), Block(4, 4, 1), Block(4, 8, 2),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5),
    )
    mobile = nn.Sequential(
        nn.Conv2d(3, 4, 3, 2, 1), nn.BatchNorm2d(4), nn.Hardswish(), nn.Conv2d(4, 4, 3, 1, 1, groups=4), nn.ReLU6(),
        nn.AvgPool2d(3, 2, 1), nn.ELU(), nn.Flatten(), nn.Linear(64, 6), nn.LogSoftmax(1),
    )
    line = nn.Sequential(
        nn.Conv1d(3, 6, 5, 2, 2, dilation=2), nn.InstanceNorm1d(6, affine=True), nn.Mish(), nn.MaxPool1d(2),
        nn.Flatten(), nn.Linear(36, 4), nn.LayerNorm(4),
    )
    nets = {
        "residual": (residual, torch.randn(2, 3, 24, 24)),
        "mobile": (mobile, torch.randn(2, 3, 16, 16)),
        "line": (line, torch.randn(2, 3, 30)),
        "transformer": (Transformer(), torch.randint(0, 20, (2, 5))),
        "upwards": (Upwards(), torch.randn(1, 2, 5, 6)),
    }
    path = HERE / "torch_graphs.onnx"
    with open(HERE / "torch_graphs.pack.gz", "wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=0) as packed:
        for name, (net, x) in nets.items():
            for module in net.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.running_mean.normal_()
                    module.running_var.uniform_(0.5, 2)
            y = net.eval()(x).detach()
            for dynamo in (True, False):
                torch.onnx.export(net, (x,), str(path), dynamo=dynamo, opset_version=None if dynamo else 17)
                model = onnx.load(path)
                for node in model.graph.node:
                    node.doc_string = ""
                    del node.metadata_props[:]
                del model.graph.value_info[:]
                parts = [onnx.numpy_helper.from_array(t.numpy()).SerializeToString() for t in (x, y)]
                model = model.SerializeToString()
                head = {
                    "name": f"{name} ({'dynamo' if dynamo else 'script'})", "op": name, "rtol": 1e-4, "atol": 1e-5,
                    "model": len(model), "inputs": [len(parts[0])], "outputs": [len(parts[1])],
                }
                packed.write(json.dumps(head).encode() + b"\n" + model + parts[0] + parts[1])
    for extra in [path, *HERE.glob("*.data")]:
        extra.unlink(missing_ok=True)


def sklearn_networks():
    x, y = load_iris(return_X_y=True)
    x = x.astype(np.float32)
    names = np.array(["setosa", "versicolor", "virginica"])
    labelled = {"sklearn_classes": (y, False), "sklearn_names": (names[y], False), "sklearn_two": ((y > 0).astype(int), True)}
    for name, (target, two) in labelled.items():
        net = MLPClassifier((8,), activation="tanh" if two else "relu", max_iter=300, random_state=0)
        net = make_pipeline(StandardScaler(), net).fit(x, target)
        options = {"zipmap": True} if name == "sklearn_names" else {"zipmap": False}
        model = skl2onnx.convert_sklearn(
            net, initial_types=[("X", FloatTensorType([None, 4]))], options={id(net): options}
        )
        save(name, model, x[::10], net.predict_proba(x[::10]))
    x, y = load_diabetes(return_X_y=True)
    x = x.astype(np.float32)
    net = MLPRegressor(hidden_layer_sizes=(8, 6), activation="logistic", max_iter=200, random_state=0).fit(x, y)
    model = skl2onnx.convert_sklearn(net, initial_types=[("X", FloatTensorType([None, 10]))])
    save("sklearn_value", model, x[::30], net.predict(x[::30]))


if __name__ == "__main__":
    HERE.mkdir(exist_ok=True)
    torch_network()
    torch_norms_and_links()
    torch_graphs()
    sklearn_networks()
