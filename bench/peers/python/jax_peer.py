"""JAX on the CPU, compiled by XLA."""

import os

import protocol

WORKLOAD = protocol.begin(
    unsupported={
        # A scan would compile one small loop body and build no graph of the length.
        "chain": "compiling a chain of so many unrolled steps is not feasible",
    }
)


def limit_xla(threads):
    """JAX has no option for its threads; XLA reads these when it is loaded.

    Its pools are as large as the number of processors that the process may
    use, which `protocol.begin` has limited.
    """
    os.environ["JAX_PLATFORMS"] = "cpu"
    if threads == 1:
        os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"


limit_xla(WORKLOAD.threads)

with protocol.refusing_if_missing():
    import jax
    import jax.numpy as jnp
    import numpy as np

# Below this many operations a step is so short that the call of a compiled
# function shows beside it, so all batches go through one call, as JAX's users
# would do it. Above, a scan gains nothing.
SCAN_BELOW_FLOPS = 50_000_000


def forward(workload, parameters, inputs):
    """The outputs of the network; logits where the loss wants them."""
    if workload.mode == "convolve":
        return forward_convolution(workload, parameters, inputs)
    activation = {"relu": jax.nn.relu, "sigmoid": jax.nn.sigmoid}[workload.activation]
    values = inputs
    last = len(parameters) - 1
    for index, (weights, biases) in enumerate(parameters):
        values = values @ weights + biases
        if index < last or workload.activates_output:
            values = activation(values)
    return values


def forward_convolution(workload, parameters, inputs):
    """The outputs of a convolutional network."""
    values = inputs.reshape(-1, *workload.input)
    for index, (layer, (weights, biases)) in enumerate(zip(workload.layers, parameters)):
        if layer["kernel"]:
            padding = [(layer["padding"], layer["padding"])] * 2
            values = jax.lax.conv_general_dilated(values, weights, (1, 1), padding)
            values = values + biases[:, None, None]
        else:
            values = values.reshape(values.shape[0], -1) @ weights + biases
        if index < len(parameters) - 1:
            values = jax.nn.relu(values)
        if layer["pool"]:
            window = (1, 1, layer["pool"], layer["pool"])
            values = jax.lax.reduce_window(values, -jnp.inf, jax.lax.max, window, window, "VALID")
    return values


def loss_of(workload, parameters, inputs, targets):
    outputs = forward(workload, parameters, inputs)
    if workload.loss == "cross-entropy":
        return cross_entropy(outputs, targets)
    return 0.5 * jnp.square(outputs - targets).sum(axis=1).mean()


def cross_entropy(logits, classes):
    """Mean over the batch. A product with one-hot rows fuses; a gather does not."""
    chosen = jax.nn.one_hot(classes, logits.shape[1], dtype=logits.dtype)
    return (jax.nn.logsumexp(logits, axis=1) - (logits * chosen).sum(axis=1)).mean()


# ---- Optimisers: a state is a tuple whose first item is the parameters --------


def start_state(workload):
    make = protocol.make_convolution_parameters if workload.mode == "convolve" else protocol.make_parameters
    parameters = jax.tree.map(jnp.asarray, make(workload))

    def zeros():
        return jax.tree.map(jnp.zeros_like, parameters)

    return {
        "sgd": lambda: (parameters,),
        "momentum": lambda: (parameters, zeros()),
        "adam": lambda: (parameters, zeros(), zeros(), jnp.zeros((), jnp.int32)),
    }[workload.optimizer]()


def update(workload, state, gradients):
    return {"sgd": update_sgd, "momentum": update_momentum, "adam": update_adam}[
        workload.optimizer
    ](workload.rate, state, gradients)


def update_sgd(rate, state, gradients):
    (parameters,) = state
    return (jax.tree.map(lambda p, g: p - rate * g, parameters, gradients),)


def update_momentum(rate, state, gradients):
    parameters, velocity = state
    velocity = jax.tree.map(lambda v, g: protocol.MOMENTUM * v + g, velocity, gradients)
    return jax.tree.map(lambda p, v: p - rate * v, parameters, velocity), velocity


def update_adam(rate, state, gradients):
    parameters, first, second, count = state
    beta1, beta2 = protocol.ADAM_BETA1, protocol.ADAM_BETA2
    count = count + 1
    first = jax.tree.map(lambda m, g: beta1 * m + (1 - beta1) * g, first, gradients)
    second = jax.tree.map(lambda v, g: beta2 * v + (1 - beta2) * g * g, second, gradients)
    scale1 = 1 / (1 - beta1**count)
    scale2 = 1 / (1 - beta2**count)

    def moved(p, m, v):
        return p - rate * (m * scale1) / (jnp.sqrt(v * scale2) + protocol.ADAM_EPSILON)

    return jax.tree.map(moved, parameters, first, second), first, second, count


# ---- Modes --------------------------------------------------------------------


def build_step(workload):
    """The training step: (state, batch) to (state, loss), not yet compiled."""
    gradient = jax.value_and_grad(loss_of, argnums=1)

    def step(state, batch):
        loss, gradients = gradient(workload, state[0], *batch)
        return update(workload, state, gradients), loss

    return step


def make_data(workload):
    """Inputs and targets of all batches, as arrays of JAX."""
    inputs, classes = protocol.make_batches(workload)
    return jnp.asarray(inputs), jnp.asarray(protocol.make_targets(workload, classes))


def train(workload):
    state = start_state(workload)
    data = make_data(workload)
    is_short = workload.mode == "train" and workload.step_flops() < SCAN_BELOW_FLOPS
    run_all = scanned_run if is_short else stepwise_run
    call, per_call = run_all(build_step(workload), data)

    def run(steps):
        nonlocal state
        calls = -(-steps // per_call)
        for _ in range(calls):
            state, loss = call(state)
        jax.block_until_ready((state, loss))
        return calls * per_call

    def loss():
        inputs, targets = data
        return float(loss_of(workload, state[0], inputs[0], targets[0]))

    protocol.take_turns(version(), run, loss)


def scanned_run(step, data):
    """A call that does one step for each batch, in one compiled loop."""
    compiled = jax.jit(lambda state, data: jax.lax.scan(step, state, data), donate_argnums=0)
    return lambda state: compiled(state, data), len(data[0])


def stepwise_run(step, data):
    """A call that does one step with the next batch."""
    compiled = jax.jit(step, donate_argnums=0)
    batches = protocol.in_turn(list(zip(*data)))
    return lambda state: compiled(state, next(batches)), 1


def infer(workload):
    parameters = jax.tree.map(jnp.asarray, protocol.make_parameters(workload))
    inputs, _ = make_data(workload)

    def outputs(parameters, inputs):
        return forward(workload, parameters, inputs)

    if workload.step_flops() < SCAN_BELOW_FLOPS:
        compiled = jax.jit(lambda parameters, inputs: jax.lax.map(
            lambda batch: outputs(parameters, batch), inputs))
        batches, per_call = protocol.in_turn([inputs]), len(inputs)
    else:
        compiled = jax.jit(outputs)
        batches, per_call = protocol.in_turn(list(inputs)), 1

    def run(steps):
        calls = -(-steps // per_call)
        # Calls do not depend on one another, so the last to start need not be
        # the last to end: wait for all.
        jax.block_until_ready([compiled(parameters, next(batches)) for _ in range(calls)])
        return calls * per_call

    protocol.take_turns(version(), run)


def process(workload):
    """A whole life: read, train one epoch, evaluate, write."""
    mnist = protocol.read_mnist(workload)
    targets = protocol.make_targets(workload, mnist.train_labels)
    state = start_state(workload)
    step = jax.jit(build_step(workload), donate_argnums=0)
    for chosen in protocol.shuffled_batches(len(targets), workload.batch):
        state, _ = step(state, (mnist.train_images[chosen], targets[chosen]))
    parameters = state[0]
    predicted = forward(workload, parameters, mnist.test_images).argmax(axis=1)
    protocol.report_accuracy(np.asarray(predicted), mnist.test_labels)
    save(parameters, workload.model)


def save(parameters, path):
    arrays = {}
    for index, (weights, biases) in enumerate(parameters):
        arrays[f"weights{index}"] = np.asarray(weights)
        arrays[f"biases{index}"] = np.asarray(biases)
    # Given a path, savez would add an ending to it.
    with open(path, "wb") as file:
        np.savez(file, **arrays)


def version():
    return f"jax {jax.__version__}"


def main(workload):
    jax.config.update("jax_default_matmul_precision", "highest")
    {"train": train, "convolve": train, "infer": infer, "process": process}[workload.mode](workload)


if __name__ == "__main__":
    main(WORKLOAD)
