"""Ours beside scikit-learn on the tables in data/tables, under the same folds.

    python bench/tables/compare.py [--program target/release/chainrule] [--repeats 2]

For each table, five folds (stratified for classes, shuffled, as many times as asked, each with its own seed). Ours is
the program with `--target` alone, without a test part of its own; scikit-learn's models get the usual preparation
(medians and indicators for gaps, one-hot categories, standard scale) and their default settings, but enough iterations.
Prints a Markdown table: accuracy and log loss for classes, R² for numbers, mean and standard deviation over all folds.
The last column is by how much ours is better than scikit-learn's network, fold by fold, with the standard error of the
mean of the repeats.
"""

import argparse
import pathlib
import subprocess
import tempfile
import warnings

import numpy as np
import pandas as pd
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.metrics import accuracy_score, log_loss, r2_score
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

warnings.filterwarnings("ignore")
ROOT = pathlib.Path(__file__).resolve().parents[2]
TABLES = {
    "iris": "species",
    "wine": "cultivar",
    "breast-cancer": "diagnosis",
    "penguins": "species",
    "digits": "digit",
    "diabetes": "progression",
}


def prepared(model):
    numbers = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    texts = make_pipeline(
        SimpleImputer(strategy="constant", fill_value="missing"), OneHotEncoder(handle_unknown="ignore")
    )
    columns = make_column_transformer(
        (numbers, make_column_selector(dtype_include=np.number)),
        (texts, make_column_selector(dtype_exclude=np.number)),
        sparse_threshold=0,
    )
    return make_pipeline(columns, model)


def models(classes, seed):
    if classes:
        return {
            "MLP": MLPClassifier(max_iter=1000, random_state=seed),
            "linear": LogisticRegression(max_iter=5000),
            "trees": HistGradientBoostingClassifier(random_state=seed),
        }
    return {
        "MLP": MLPRegressor(max_iter=5000, random_state=seed),
        "linear": RidgeCV(np.logspace(-3, 3, 13)),
        "trees": HistGradientBoostingRegressor(random_state=seed),
    }


def ours(program, train, test, target, seed):
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        train.to_csv(folder / "train.csv", index=False)
        test.drop(columns=[target]).to_csv(folder / "test.csv", index=False)
        run = lambda *args: subprocess.run([program, *args], cwd=folder, check=True, capture_output=True)
        run("train", "train.csv", "--target", target, "--test", "0", "--seed", str(seed))
        run("predict", "model.safetensors", "test.csv", "--out", "predicted.csv")
        return pd.read_csv(folder / "predicted.csv")


def our_scores(predicted, truth, target, classes):
    if not classes:
        return {"R²": r2_score(truth, predicted[target])}
    labels = sorted(truth.unique())
    shares = predicted[[f"p_{label}" for label in labels]].to_numpy(np.float64)
    # The file has six decimals, so they add up to 1 only nearly.
    shares = shares / shares.sum(axis=1, keepdims=True)
    return class_scores(truth, predicted[target], shares, labels)


def their_scores(model, test, truth, classes):
    if not classes:
        return {"R²": r2_score(truth, model.predict(test))}
    return class_scores(truth, model.predict(test), model.predict_proba(test), list(model.classes_))


def class_scores(truth, found, shares, labels):
    return {"accuracy": accuracy_score(truth, found), "log loss": log_loss(truth, shares, labels=labels)}


def better(name, ours, theirs, repeats):
    """The mean by which ours is better, and its standard error over the repeats: the folds of one are not independent."""
    sign = -1 if name == "log loss" else 1
    each = sign * (np.array(ours) - np.array(theirs)).reshape(repeats, -1).mean(axis=1)
    error = f" ± {each.std(ddof=1) / np.sqrt(repeats):.4f}" if repeats > 1 else ""
    return f"{each.mean():+.4f}{error}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", default=ROOT / "target/release/chainrule", type=pathlib.Path)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--only")
    args = parser.parse_args()
    program = str(args.program.resolve())
    print("| table | rows | score | chainrule | MLP | linear | boosted trees | better than MLP by |")
    print("| --- | ---: | --- | ---: | ---: | ---: | ---: | ---: |")
    for name, target in TABLES.items():
        if args.only and name not in args.only.split(","):
            continue
        table = pd.read_csv(ROOT / "data/tables" / f"{name}.csv")
        classes = name != "diabetes"
        scores = {}
        for seed in range(args.repeats):
            kind = StratifiedKFold if classes else KFold
            for kept, held_out in kind(5, shuffle=True, random_state=seed).split(table, table[target]):
                train, test = table.iloc[kept], table.iloc[held_out]
                inputs, truth = test.drop(columns=[target]), test[target]
                found = {"chainrule": our_scores(ours(program, train, test, target, seed), truth, target, classes)}
                for model_name, model in models(classes, seed).items():
                    fitted = prepared(model).fit(train.drop(columns=[target]), train[target])
                    found[model_name] = their_scores(fitted, inputs, truth, classes)
                for model_name, each in found.items():
                    for score, value in each.items():
                        scores.setdefault(score, {}).setdefault(model_name, []).append(value)
        for score, by_model in scores.items():
            cells = [f"{np.mean(s):.4f} ± {np.std(s, ddof=1):.3f}" for s in by_model.values()]
            cells.append(better(score, by_model["chainrule"], by_model["MLP"], args.repeats))
            print(f"| {name} | {len(table)} | {score} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
