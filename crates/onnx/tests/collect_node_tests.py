"""Packs the backend node tests of the installed `onnx` into one file.

    python collect_node_tests.py OUT [NAME ...]

A case is a line of JSON (name, operation, rtol, atol, sizes of the parts) and the parts behind it: the model, the
inputs and the expected outputs as protobuf. With names, only those cases (`*` stands for anything).
"""

import fnmatch
import gzip
import json
import sys
import warnings

import numpy as np
import onnx
from onnx import numpy_helper
from onnx.backend.test.case.node import collect_testcases


def part(value, info):
    """A tensor as protobuf; nothing for what is no tensor."""
    if isinstance(value, onnx.TensorProto):
        return value.SerializeToString()
    if info.type.WhichOneof("value") != "tensor_type" or value is None:
        return b""
    return numpy_helper.from_array(np.asarray(value), info.name).SerializeToString()


def main():
    out, names = sys.argv[1], sys.argv[2:]
    warnings.simplefilter("ignore")
    # mtime 0: the same cases give the same bytes.
    with open(out, "wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=0) as packed:
        for case in collect_testcases(None):
            if names and not any(fnmatch.fnmatch(case.name, name) for name in names):
                continue
            graph = case.model.graph
            (inputs, outputs) = case.data_sets[0]
            inputs = [part(value, info) for value, info in zip(inputs, graph.input)]
            outputs = [part(value, info) for value, info in zip(outputs, graph.output)]
            model = case.model.SerializeToString()
            # A case written out in simpler operations bears the name of what they stand for.
            single = len(graph.node) == 1
            op = graph.node[0].op_type if single else "(written out)"
            head = {
                "name": case.name,
                "op": op,
                "rtol": case.rtol,
                "atol": case.atol,
                "model": len(model),
                "inputs": [len(p) for p in inputs],
                "outputs": [len(p) for p in outputs],
            }
            packed.write(json.dumps(head).encode() + b"\n")
            for p in [model, *inputs, *outputs]:
                packed.write(p)


if __name__ == "__main__":
    main()
