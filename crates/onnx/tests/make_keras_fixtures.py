"""Writes the golden files of Keras in `fixtures`, as `make_fixtures.py` does those of PyTorch and scikit-learn.

    pip install tensorflow-cpu==2.21.0 keras==3.15.1 tf2onnx==1.17.0 onnx==1.23.2
    python crates/onnx/tests/make_keras_fixtures.py
"""

import keras
import numpy as np
import onnx
from keras import layers as nn

from golden import HERE, save


def mlp():
    return keras.Sequential([
        keras.Input((4,), name="x"), nn.Dense(8, "relu"), nn.BatchNormalization(), nn.Dropout(0.2), nn.Dense(7),
        nn.LayerNormalization(), nn.Activation("silu"), nn.Dense(6), nn.RMSNormalization(), nn.Activation("tanh"),
        nn.Dense(3, "softmax"),
    ])


def cnn():
    """Channels last, as Keras has them; rows and columns of different lengths show what is turned."""
    return keras.Sequential([
        keras.Input((12, 10, 2), name="x"), nn.Rescaling(1 / 255, offset=-0.5), nn.Conv2D(4, 3, padding="same", activation="relu"),
        nn.MaxPooling2D(2), nn.Conv2D(6, 3), nn.BatchNormalization(), nn.LeakyReLU(0.01), nn.AveragePooling2D(2),
        nn.Flatten(), nn.Dense(8, "tanh"), nn.Dense(3),
    ])


def digits():
    """One channel, and a norm behind an activation."""
    return keras.Sequential([
        keras.Input((14, 14, 1), name="x"), nn.Conv2D(4, 3, activation="relu"), nn.BatchNormalization(), nn.MaxPooling2D(2),
        nn.Dropout(0.5), nn.Flatten(), nn.Dense(5, "softmax"),
    ])


def residual():
    def convolved(x):
        return nn.BatchNormalization()(nn.Conv2D(4, 3, padding="same", use_bias=False)(x))

    inputs = keras.Input((8, 6, 2), name="x")
    x = nn.ReLU()(convolved(inputs))
    for _ in range(2):
        x = nn.ReLU()(nn.Add()([x, convolved(nn.ReLU()(convolved(x)))]))
    return keras.Model(inputs, nn.Dense(3)(nn.GlobalAveragePooling2D()(x)))


def randomize(model, random):
    """Weights as after training: no zeros, no ones."""
    for weight in model.weights:
        values = 0.3 * random.normal(size=weight.shape)
        if "gamma" in weight.path or "scale" in weight.path:
            values += 1
        weight.assign(random.uniform(0.5, 2, weight.shape) if "variance" in weight.path else values)


if __name__ == "__main__":
    random = np.random.default_rng(0)
    for make in (mlp, cnn, digits, residual):
        model = make()
        randomize(model, random)
        x = random.normal(size=(6, *model.input_shape[1:])).astype(np.float32)
        if make is cnn:
            x = 255 * np.abs(x) % 256
        outputs = model.predict(x, verbose=0)
        path = HERE / f"keras_{make.__name__}.onnx"
        model.export(path, format="onnx", verbose=False)
        save(path.stem, onnx.load(path), x, outputs)
