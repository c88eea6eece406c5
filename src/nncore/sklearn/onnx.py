"""Conversion of the estimators to ONNX with skl2onnx."""

from __future__ import annotations

# Of skl2onnx, for the labels and probabilities of a classifier, with the values that each takes.
CLASSIFIER_OPTIONS = {
    "zipmap": [True, False, "columns"],
    "nocl": [True, False],
    "output_class_labels": [False, True],
}


def register_onnx() -> None:
    """Register converters of the estimators with skl2onnx.

    Afterwards `skl2onnx.to_onnx` converts them, alone or as the last step of a pipeline, with
    every activation, loss and type of target, and with skl2onnx's options for classifiers (zipmap,
    nocl, output_class_labels). Calling it again has no effect.

    Raises
    ------
    ImportError
        If skl2onnx is not installed.

    Notes
    -----
    The model computes `predict` and `predict_proba` in float32, or in float64 for inputs of that
    type, except for the error function of gelu, which is always computed in float32. Predictions
    of regressors have shape (n_samples, n_outputs) also for a single output, as with skl2onnx's
    own converters. The features of a hidden layer (`transform`) are not converted. Classes must be
    strings or 64-bit integers, the types of labels in ONNX; others raise ValueError on conversion.

    Examples
    --------
    >>> from skl2onnx import to_onnx  # doctest: +SKIP
    >>> nncore.sklearn.register_onnx()  # doctest: +SKIP
    >>> to_onnx(pipeline, X[:1].astype("float32"))  # doctest: +SKIP
    """
    try:
        import skl2onnx
    except ImportError as error:
        raise ImportError(
            "register_onnx needs skl2onnx; install it with: pip install 'nncore[onnx]'",
            name="skl2onnx",
        ) from error
    from nncore.sklearn import onnx_converters as converters
    from nncore.sklearn.classifier import MLPClassifier
    from nncore.sklearn.regressor import MLPRegressor

    skl2onnx.update_registered_converter(
        MLPClassifier,
        "NncoreMLPClassifier",
        converters.classifier_shapes,
        converters.convert_classifier,
        options=CLASSIFIER_OPTIONS,
    )
    skl2onnx.update_registered_converter(
        MLPRegressor,
        "NncoreMLPRegressor",
        converters.regressor_shapes,
        converters.convert_regressor,
    )
