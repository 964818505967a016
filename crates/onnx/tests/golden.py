"""Where golden files lie, and how they are written."""

import json
import pathlib

import numpy as np

HERE = pathlib.Path(__file__).parent / "fixtures"


def save(name, model, x, outputs):
    """The model without its comments, and samples with what is said of them."""
    for node in model.graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
    del model.graph.value_info[:]
    del model.metadata_props[:]
    model.graph.name = name
    del model.graph.metadata_props[:]
    (HERE / f"{name}.onnx").write_bytes(model.SerializeToString())
    rows = {"x": x.reshape(len(x), -1).tolist(), "outputs": np.asarray(outputs).tolist()}
    (HERE / f"{name}.json").write_text(json.dumps(rows))
