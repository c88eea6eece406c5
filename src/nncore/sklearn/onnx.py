"""Estimators as ONNX models, by way of skl2onnx."""

from __future__ import annotations


def register_onnx() -> None:
    """Register converters of this package's estimators with skl2onnx.

    After that, `skl2onnx.to_onnx` converts them alone and as the last step of a pipeline, with
    all their activations, losses and kinds of targets, and with skl2onnx's options for
    classifiers (zipmap, nocl, output_class_labels). Call it once; again is harmless.

    Raises
    ------
    ImportError
        If skl2onnx is not installed.

    Notes
    -----
    The model computes `predict` and `predict_proba` in float32, or in float64 for inputs of that
    type. Regressors give (N, O), also for one output, as skl2onnx's do. Features of a hidden layer
    (`transform`) are not converted. Converting raises ValueError for classes that are neither
    text nor integers of 64 bits, which ONNX labels cannot be.

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
        options={
            "zipmap": [True, False, "columns"],
            "nocl": [True, False],
            "output_class_labels": [False, True],
        },
    )
    skl2onnx.update_registered_converter(
        MLPRegressor,
        "NncoreMLPRegressor",
        converters.regressor_shapes,
        converters.convert_regressor,
    )
