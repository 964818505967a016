"""PyTorch, eager, on the CPU."""

import os

import protocol

WORKLOAD = protocol.begin()

# One processor for each thread. PyTorch's threads wait for one another in
# loops; when another program runs, the scheduler may put two of them on one
# processor, where each wait lasts a whole time slice and a step many times as
# long. Not for other contestants: their pools would all inherit the first
# thread's processor.
os.environ["OMP_PROC_BIND"] = "true"

with protocol.refusing_if_missing():
    import torch
    import torch.nn.functional as F

    if WORKLOAD.mode != "chain":
        import numpy  # noqa: F401  (the data are made with it)


def make_parameters(workload):
    """The shared starting weights, transposed as PyTorch keeps them."""
    parameters = []
    for weights, biases in protocol.make_parameters(workload):
        weights = torch.from_numpy(weights.T.copy()).requires_grad_()
        parameters.append((weights, torch.from_numpy(biases).requires_grad_()))
    return parameters


def build_model(workload, parameters):
    """The network, a function of the inputs.

    Plain calls do what nn.Sequential would do, and are up to a tenth faster
    where the network is so small that the calls themselves are the work.
    """
    activation = {"relu": F.relu, "sigmoid": torch.sigmoid}[workload.activation]
    last = len(parameters) - 1

    def model(inputs):
        values = inputs
        for index, (weights, biases) in enumerate(parameters):
            values = F.linear(values, weights, biases)
            if index < last or workload.activates_output:
                values = activation(values)
        return values

    return model


def make_convolution_parameters(workload):
    parameters = []
    for weights, biases in protocol.make_convolution_parameters(workload):
        weights = torch.from_numpy(weights.T.copy() if weights.ndim == 2 else weights)
        parameters.append((weights.requires_grad_(), torch.from_numpy(biases).requires_grad_()))
    return parameters


def build_convolution(workload, parameters):
    """The convolutional network, a function of the inputs."""

    def model(inputs):
        values = inputs.view(-1, *workload.input)
        for index, (layer, (weights, biases)) in enumerate(zip(workload.layers, parameters)):
            if layer["kernel"]:
                values = F.conv2d(values, weights, biases, padding=layer["padding"])
            else:
                values = F.linear(values.flatten(1), weights, biases)
            if index < len(parameters) - 1:
                values = F.relu(values)
            if layer["pool"]:
                values = F.max_pool2d(values, layer["pool"])
        return values

    return model


def build_loss(workload):
    """The function of (outputs, targets) that is made small."""
    if workload.loss == "cross-entropy":
        return F.cross_entropy
    return half_squared_error


def half_squared_error(outputs, targets):
    """½ Σ (a − y)² of a sample, mean over the batch."""
    return F.mse_loss(outputs, targets, reduction="sum") * (0.5 / len(outputs))


def build_optimizer(workload, parameters):
    """The fused optimisers, which update all weights in one call."""
    tensors = [tensor for layer in parameters for tensor in layer]
    if workload.optimizer == "adam":
        return torch.optim.Adam(
            tensors,
            lr=workload.rate,
            betas=(protocol.ADAM_BETA1, protocol.ADAM_BETA2),
            eps=protocol.ADAM_EPSILON,
            fused=True,
        )
    momentum = protocol.MOMENTUM if workload.optimizer == "momentum" else 0.0
    return torch.optim.SGD(tensors, lr=workload.rate, momentum=momentum, fused=True)


def build_step(workload, model, parameters):
    """The training step, a function of a batch."""
    loss_of = build_loss(workload)
    optimizer = build_optimizer(workload, parameters)

    def step(inputs, targets):
        optimizer.zero_grad(set_to_none=True)
        loss = loss_of(model(inputs), targets)
        loss.backward()
        optimizer.step()
        return loss

    return step


def make_data(workload):
    """Views of the batches in one tensor of inputs and one of targets."""
    inputs, classes = protocol.make_batches(workload)
    targets = protocol.make_targets(workload, classes)
    return list(zip(torch.from_numpy(inputs), torch.from_numpy(targets)))


def train(workload):
    learn(workload, make_parameters, build_model)


def convolve(workload):
    learn(workload, make_convolution_parameters, build_convolution)


def learn(workload, make_parameters, build_model):
    parameters = make_parameters(workload)
    model = build_model(workload, parameters)
    step = build_step(workload, model, parameters)
    data = make_data(workload)
    batches = protocol.in_turn(data)

    def run(steps):
        for _ in range(steps):
            step(*next(batches))
        return steps

    @torch.inference_mode()
    def loss():
        inputs, targets = data[0]
        return build_loss(workload)(model(inputs), targets).item()

    protocol.take_turns(version(), run, loss)


def infer(workload):
    model = build_model(workload, make_parameters(workload))
    batches = protocol.in_turn(make_data(workload))

    @torch.inference_mode()
    def run(steps):
        for _ in range(steps):
            inputs, _ = next(batches)
            model(inputs)
        return steps

    protocol.take_turns(version(), run)


def chain(workload):
    def run(steps):
        for _ in range(steps):
            chain_step(workload.length)
        # The C allocator leaves the merging of many small freed blocks to the
        # next large allocation; let that be in this turn, not after it.
        bytearray(1 << 16)
        return steps

    protocol.take_turns(version(), run)


def chain_step(length):
    """The last x, and its derivatives by the first x and by y."""
    first = torch.tensor(protocol.CHAIN_X, dtype=torch.float64, requires_grad=True)
    y = torch.tensor(protocol.CHAIN_Y, dtype=torch.float64, requires_grad=True)
    x = first
    for _ in range(length):
        x = (x + y) * (x * y + 1)
    x.backward()
    return x.item(), first.grad.item(), y.grad.item()


def process(workload):
    """A whole life: read, train one epoch, evaluate, write."""
    mnist = protocol.read_mnist(workload)
    images = torch.from_numpy(mnist.train_images)
    targets = torch.from_numpy(protocol.make_targets(workload, mnist.train_labels))
    parameters = make_parameters(workload)
    model = build_model(workload, parameters)
    step = build_step(workload, model, parameters)
    for chosen in protocol.shuffled_batches(len(images), workload.batch):
        chosen = torch.from_numpy(chosen)
        step(images[chosen], targets[chosen])
    with torch.inference_mode():
        predicted = model(torch.from_numpy(mnist.test_images)).argmax(dim=1)
    protocol.report_accuracy(predicted.numpy(), mnist.test_labels)
    save(parameters, workload.model)


def save(parameters, path):
    """A dictionary of tensors, named by their layers."""
    tensors = {}
    for index, (weights, biases) in enumerate(parameters):
        tensors[f"weights{index}"] = weights.detach()
        tensors[f"biases{index}"] = biases.detach()
    torch.save(tensors, path)


def version():
    return f"torch {torch.__version__}"


def main(workload):
    torch.set_num_threads(workload.threads)
    # Only jobs that the program forks for itself would use these.
    torch.set_num_interop_threads(1)
    torch.set_float32_matmul_precision("highest")
    {"train": train, "convolve": convolve, "infer": infer, "chain": chain, "process": process}[workload.mode](workload)


if __name__ == "__main__":
    main(WORKLOAD)
