"""Writes the golden files in `fixtures`: models of other libraries, samples, and what these libraries say of them.

    pip install torch==2.15.0 onnxscript skl2onnx scikit-learn==1.9.1
    python crates/onnx/tests/make_fixtures.py
"""

import json
import pathlib

import numpy as np
import onnx
import skl2onnx
import torch
from skl2onnx.common.data_types import FloatTensorType
from sklearn.datasets import load_iris, load_diabetes
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

HERE = pathlib.Path(__file__).parent / "fixtures"


def save(name, model, x, outputs):
    """The model without its comments, and samples with what is said of them."""
    for node in model.graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
    del model.graph.value_info[:]
    del model.metadata_props[:]
    del model.graph.metadata_props[:]
    (HERE / f"{name}.onnx").write_bytes(model.SerializeToString())
    rows = {"x": x.reshape(len(x), -1).tolist(), "outputs": np.asarray(outputs).tolist()}
    (HERE / f"{name}.json").write_text(json.dumps(rows))


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


def torch_network(dynamo):
    torch.manual_seed(0)
    net = Net().eval()
    x = torch.rand(6, 1, 14, 14)
    name = "torch_dynamo" if dynamo else "torch_script"
    path = HERE / f"{name}.onnx"
    axes = {"dynamic_shapes": {"x": {0: torch.export.Dim("n")}}} if dynamo else {"dynamic_axes": {"x": {0: "n"}}}
    torch.onnx.export(net, (x,), str(path), dynamo=dynamo, input_names=["x"], **axes)
    model = onnx.load(str(path))
    for extra in HERE.glob("*.data"):
        extra.unlink()
    save(name, model, x.numpy(), net(x).detach().numpy())


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
    torch_network(True)
    torch_network(False)
    sklearn_networks()
