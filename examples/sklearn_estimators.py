"""Drop-in replacements for scikit-learn's estimators, and their additional parameters.

Needs scikit-learn: pip install 'nncore[sklearn]', then python examples/sklearn_estimators.py
"""

from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale

import nncore
from nncore.sklearn import MLPClassifier, MLPRegressor


def main() -> float:
    """Search over networks; then a classifier and a regressor with parameters of nncore."""
    x, y = load_breast_cancer(return_X_y=True)
    x_train, x_test, y_train, y_test = train_test_split(x, y, stratify=y, random_state=0)
    pipe = make_pipeline(StandardScaler(), MLPClassifier(max_iter=500, random_state=0))
    grid = {
        "mlpclassifier__hidden_layer_sizes": [(5,), (20,)],
        "mlpclassifier__alpha": [1e-3, 1.0],
    }
    search = GridSearchCV(pipe, grid).fit(x_train, y_train)
    print(f"best of the grid search: {search.best_params_}, {search.score(x_test, y_test):.3f}")

    scaler = StandardScaler().fit(x_train)
    held_out = scaler.transform(x_test), y_test
    model = MLPClassifier(
        (30, 10),
        solver="adamw",
        learning_rate_init=0.01,
        class_weight="balanced",
        dropout=0.2,
        schedule=nncore.CosineDecay(),
        max_iter=200,
        early_stopping=True,
        n_iter_no_change=50,
        dtype="float32",
        random_state=0,
    ).fit(scaler.transform(x_train), y_train, validation_data=held_out)
    best = min(model.validation_loss_curve_)
    print(f"accuracy {model.score(*held_out):.3f}, lowest validation loss {best:.4f} nats")
    print(f"features of the last hidden layer: {model.transform(held_out[0]).shape}")

    x, y = map(scale, load_diabetes(return_X_y=True))
    robust = MLPRegressor("huber", 20, solver="lbfgs", alpha=10.0, max_iter=2000, random_state=0)
    print(f"R2 of a robust regression: {robust.fit(x, y).score(x, y):.3f}")
    return float(model.score(*held_out))


if __name__ == "__main__":
    main()
