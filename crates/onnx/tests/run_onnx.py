"""Runs models with onnxruntime: `python run_onnx.py FOLDER`.

For each NAME.onnx in the folder, NAME.in.json holds the inputs, {input: {kind, shape, values}} with null for NaN; the
outputs go to NAME.out.json, {output: values}, row by row.
"""

import json
import pathlib
import sys

import numpy as np
import onnx
import onnxruntime

KINDS = {"float": np.float32, "double": np.float64, "string": object}


def tensor(given):
    values = [np.nan if value is None else value for value in given["values"]]
    return np.array(values, dtype=KINDS[given["kind"]]).reshape(given["shape"])


onnxruntime.set_default_logger_severity(3)
for path in sorted(pathlib.Path(sys.argv[1]).glob("*.onnx")):
    onnx.checker.check_model(onnx.load(path), full_check=True)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    inputs = json.loads(path.with_suffix(".in.json").read_text())
    results = session.run(None, {name: tensor(given) for name, given in inputs.items()})
    named = {output.name: np.asarray(result).ravel().tolist() for output, result in zip(session.get_outputs(), results)}
    path.with_suffix(".out.json").write_text(json.dumps(named))
