"""scikit-learn's MLPClassifier."""

import warnings

import protocol

WORKLOAD = protocol.begin(
    unsupported={
        "convolve": "no convolution",
        "infer": "no forward pass to the logits",
        "chain": "no automatic differentiation of scalars",
    }
)

with protocol.refusing_if_missing():
    import sklearn  # first, so that it is the one that is named as missing
    import joblib
    import numpy as np
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier


def check(workload):
    """MLPClassifier chooses its loss and its output itself."""
    if workload.loss != "cross-entropy":
        protocol.refuse(f"no {workload.loss} loss")
    if workload.activation != "relu":
        protocol.refuse(f"no {workload.activation} with logits")
    if len(workload.sizes) < 3:
        protocol.refuse("no network without hidden layers")
    if workload.sizes[-1] < 3:
        protocol.refuse("two classes are one output to it")


def build_classifier(workload, **more):
    """The plain optimiser: no regularisation, no Nesterov, a constant rate."""
    return MLPClassifier(
        hidden_layer_sizes=workload.sizes[1:-1],
        activation="relu",
        solver="adam" if workload.optimizer == "adam" else "sgd",
        alpha=0.0,
        batch_size=workload.batch,
        learning_rate="constant",
        learning_rate_init=workload.rate,
        momentum=protocol.MOMENTUM if workload.optimizer == "momentum" else 0.0,
        nesterovs_momentum=False,
        beta_1=protocol.ADAM_BETA1,
        beta_2=protocol.ADAM_BETA2,
        epsilon=protocol.ADAM_EPSILON,
        early_stopping=False,
        random_state=1,
        **more,
    )


def train(workload):
    classifier = build_classifier(workload, shuffle=False)
    labels = np.arange(workload.sizes[-1])
    data = list(zip(*protocol.make_batches(workload)))
    batches = protocol.in_turn(data)

    def run(steps):
        for _ in range(steps):
            # A call with one batch does one step.
            classifier.partial_fit(*next(batches), classes=labels)
        return steps

    # The weights exist after the first step only.
    run(1)

    def loss():
        inputs, classes = data[0]
        chosen = classifier.predict_proba(inputs)[np.arange(len(classes)), classes]
        return float(-np.log(np.maximum(chosen, np.finfo(chosen.dtype).tiny)).mean())

    protocol.take_turns(version(), run, loss)


def process(workload):
    """A whole life: read, train one epoch, evaluate, write."""
    mnist = protocol.read_mnist(workload)
    classifier = build_classifier(workload, shuffle=True, max_iter=1)
    with warnings.catch_warnings():
        # One epoch is what was asked for.
        warnings.simplefilter("ignore", ConvergenceWarning)
        classifier.fit(mnist.train_images, mnist.train_labels)
    protocol.report_accuracy(classifier.predict(mnist.test_images), mnist.test_labels)
    joblib.dump(classifier, workload.model)


def version():
    return f"scikit-learn {sklearn.__version__}"


def main(workload):
    check(workload)
    # The data are known to be good; checking them at each step is not the work.
    sklearn.set_config(assume_finite=True, skip_parameter_validation=True)
    {"train": train, "process": process}[workload.mode](workload)


if __name__ == "__main__":
    main(WORKLOAD)
