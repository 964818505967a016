"""Packs the backend node tests of the installed `onnx` into one file.

    python collect_node_tests.py OUT [MOST_BYTES]

A case is a line of JSON (name, operation, rtol, atol, sizes of the parts) and the parts behind it: the model, the
inputs and the expected outputs as protobuf. With a number, only the cases that have no more bytes than that, and the
smallest of each operation.
"""

import gzip
import json
import sys
import warnings

import numpy as np
import onnx
from onnx import numpy_helper
from onnx.backend.test.case.node import collect_testcases

# No case of a pack of small ones has more bytes.
MOST_OF_ONE = 30_000


def part(value, info):
    """A tensor as protobuf; nothing for what is no tensor."""
    if isinstance(value, onnx.TensorProto):
        return value.SerializeToString()
    if info.type.WhichOneof("value") != "tensor_type" or value is None:
        return b""
    return numpy_helper.from_array(np.asarray(value), info.name).SerializeToString()


def packed_case(case):
    """The head, and the parts behind it."""
    graph = case.model.graph
    inputs, outputs = case.data_sets[0]
    inputs = [part(value, info) for value, info in zip(inputs, graph.input)]
    outputs = [part(value, info) for value, info in zip(outputs, graph.output)]
    model = case.model.SerializeToString()
    head = {
        "name": case.name,
        # Cases that are written out in simpler operations have many nodes.
        "op": graph.node[0].op_type if len(graph.node) == 1 else "(written out)",
        "rtol": case.rtol,
        "atol": case.atol,
        "model": len(model),
        "inputs": [len(p) for p in inputs],
        "outputs": [len(p) for p in outputs],
    }
    return head, b"".join([model, *inputs, *outputs])


def main():
    out = sys.argv[1]
    most = int(sys.argv[2]) if len(sys.argv) > 2 else None
    warnings.simplefilter("ignore")
    cases = [packed_case(case) for case in collect_testcases(None)]
    least = {}
    for head, parts in cases:
        least[head["op"]] = min(len(parts), least.get(head["op"], len(parts)))
    # mtime 0: the same cases give the same bytes.
    with open(out, "wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=0) as packed:
        for head, parts in cases:
            if most is None or len(parts) <= max(most, min(least[head["op"]], MOST_OF_ONE)):
                packed.write(json.dumps(head).encode() + b"\n" + parts)


if __name__ == "__main__":
    main()
