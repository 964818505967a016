"""ONNX Runtime on the CPU, which only infers."""

import protocol

INFER_ONLY = "inference only"
WORKLOAD = protocol.begin(
    unsupported={"train": INFER_ONLY, "convolve": INFER_ONLY, "chain": INFER_ONLY, "process": INFER_ONLY}
)

with protocol.refusing_if_missing():
    import onnxruntime  # first, so that it is the one that is named as missing
    import numpy as np
    import onnx
    from onnx import TensorProto, helper, numpy_helper

# Versions that are old enough for every runtime of the last years.
OPSET = 17
IR_VERSION = 8

# How long idle threads spin before they sleep: long enough for the gap between
# two steps, short enough not to run on into the next contestant's turn.
SPINNING_MICROSECONDS = "1000"


def build_graph(workload):
    """The network as an ONNX model of Gemm and activation nodes."""
    activation = {"relu": "Relu", "sigmoid": "Sigmoid"}[workload.activation]
    nodes, constants = [], []
    value = "inputs"
    last = len(workload.sizes) - 2
    for index, (weights, biases) in enumerate(protocol.make_parameters(workload)):
        constants.append(numpy_helper.from_array(weights, f"weights{index}"))
        constants.append(numpy_helper.from_array(biases, f"biases{index}"))
        gemm = f"gemm{index}"
        nodes.append(helper.make_node("Gemm", [value, f"weights{index}", f"biases{index}"], [gemm]))
        value = gemm
        if index < last or workload.activates_output:
            value = f"activation{index}"
            nodes.append(helper.make_node(activation, [gemm], [value]))
    graph = helper.make_graph(
        nodes,
        "network",
        [tensor_info("inputs", workload.batch, workload.sizes[0])],
        [tensor_info(value, workload.batch, workload.sizes[-1])],
        constants,
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION
    )
    onnx.checker.check_model(model)
    return model


def tensor_info(name, *shape):
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def build_session(workload):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = workload.threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.spin_duration_us", SPINNING_MICROSECONDS)
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    return onnxruntime.InferenceSession(
        build_graph(workload).SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def bind_batches(workload, session):
    """A binding for each batch: nothing is copied or allocated in a step."""
    inputs, _ = protocol.make_batches(workload)
    outputs = np.empty((workload.batch, workload.sizes[-1]), dtype=np.float32)
    target = onnxruntime.OrtValue.ortvalue_from_numpy(outputs)
    bindings = []
    for batch in inputs:
        binding = session.io_binding()
        binding.bind_cpu_input(session.get_inputs()[0].name, batch)
        binding.bind_ortvalue_output(session.get_outputs()[0].name, target)
        bindings.append(binding)
    return bindings


def infer(workload):
    session = build_session(workload)
    bindings = protocol.in_turn(bind_batches(workload, session))

    def run(steps):
        for _ in range(steps):
            session.run_with_iobinding(next(bindings))
        return steps

    protocol.take_turns(f"onnxruntime {onnxruntime.__version__}", run)


if __name__ == "__main__":
    infer(WORKLOAD)
