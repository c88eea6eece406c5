"""The weights and vocabularies of CharRNN."""

import numpy as np
import pytest
from char_rnns import TEXT, small

from nncore import CharRNN, Vocabulary

# --- weights ------------------------------------------------------------------------------------


def test_parameters_are_writable_views_by_name():
    model = small().build("abc")
    shapes = {name: array.shape for name, array in model.parameters.items()}
    assert shapes == {"wxh": (3, 6), "whh": (6, 6), "why": (6, 3), "bh": (6,), "by": (3,)}
    model.parameters["by"][:] = [50, 0, 0]
    assert model.sample(5) == "aaaaa"
    assert model.parameters["by"].dtype == np.float32
    model.parameters["by"] *= 2
    assert model.parameters["by"].tolist() == [100, 0, 0]
    model.parameters["by"] = np.zeros(3)  # sets an item of a temporary dict
    assert model.parameters["by"].tolist() == [100, 0, 0]


def test_scaled_weights_keep_the_size_of_what_goes_through_them():
    parameters = CharRNN(200, cell="tanh", dtype="float64", rng=0).build(TEXT).parameters
    np.testing.assert_allclose(parameters["whh"] @ parameters["whh"].T, np.eye(200), atol=1e-12)
    assert parameters["wxh"].std() == pytest.approx(0.5, rel=0.05)
    assert parameters["why"].std() == pytest.approx(200**-0.5, rel=0.05)
    assert not parameters["bh"].any()
    assert not parameters["by"].any()


def test_small_weights_are_those_of_min_char_rnn():
    parameters = CharRNN(200, cell="tanh", weight_init="small", rng=0).build(TEXT).parameters
    for name in ("wxh", "whh", "why"):
        assert parameters[name].std() == pytest.approx(0.01, rel=0.05)


@pytest.mark.parametrize("dtype", ["float32", "float64", np.float32, float, np.dtype("f4")])
def test_dtype_is_that_of_all_numbers(dtype):
    model = small(dtype=dtype)
    model.fit(TEXT, iterations=2)
    arrays = [*model.parameters.values(), model._slots, model._state]
    assert {array.dtype for array in arrays} == {np.dtype(dtype)}


def test_the_repr_shows_the_settings():
    model = small()
    assert repr(model).startswith("<CharRNN H=6 T=5 N=2, no vocabulary yet, AdamW(")
    model.fit("ab" * 50, iterations=3)
    assert "V=2" in repr(model)
    assert "3 updates" in repr(model)


# --- vocabularies -------------------------------------------------------------------------------


def test_the_first_text_gives_the_vocabulary():
    model = small()
    model.fit("banana\n" * 10)
    assert model.vocabulary == Vocabulary("\nabn")
    with pytest.raises(ValueError, match=r"text has 2 .* outside the vocabulary: ck"):
        model.fit("bancak" * 10)


def test_a_vocabulary_can_be_given():
    model = small(vocabulary=Vocabulary("zab"))
    assert model.vocabulary == Vocabulary("zab")
    assert model.parameters["by"].shape == (3,)
    model.fit("ab" * 50)
    assert small().build(Vocabulary("zab")).vocabulary == model.vocabulary
    assert small().build("zab").vocabulary == Vocabulary("abz")


def test_a_network_of_bytes_is_built_at_once():
    model = small(vocabulary="bytes")
    assert model.vocabulary == Vocabulary.of_bytes()
    model.fit(bytes(range(256)), iterations=2)
    assert isinstance(model.sample(3), bytes)
    assert len(model.sample(3)) == 3


def test_a_network_is_built_once():
    with pytest.raises(ValueError, match="already built"):
        small().build("abc").build("abc")


@pytest.mark.parametrize(
    "use",
    [
        lambda model: model.sample(1),
        lambda model: model.generate(),
        lambda model: model.evaluate("ab"),
        lambda model: model.save("never written"),
        lambda model: model.parameters,
        lambda model: model.vocabulary,
    ],
    ids=["sample", "generate", "evaluate", "save", "parameters", "vocabulary"],
)
def test_a_network_without_a_vocabulary_says_how_to_get_one(use):
    with pytest.raises(ValueError, match=r"no vocabulary yet: call fit or build first"):
        use(small())


def test_more_than_256_characters_are_learned():
    text = "".join(map(chr, range(5000, 5300))) * 2
    model = small()
    model.fit(text, iterations=3)
    assert model.parameters["by"].shape == (300,)
    assert set(model.sample(50)) <= set(text)
