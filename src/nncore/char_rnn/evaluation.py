"""Measures of how well a character RNN predicts a text, and their gradients."""

from __future__ import annotations

from typing import Literal

from nncore.char_rnn.state import CharRNNState, Evaluation
from nncore.char_rnn.text_sources import TextSource, check_no_name, text_name
from nncore.char_rnn.trace import trace
from nncore.checks import one_of
from nncore.params import Array, aligned_zeros, views
from nncore.trace import Trace

Unknown = Literal["error", "skip"]  # what to do with characters outside the vocabulary


class CharRNNEvaluation(CharRNNState):
    """A character RNN that predicts given texts, without the training, sampling and files."""

    def evaluate(self, text: TextSource, unknown: Unknown = "error") -> Evaluation:
        """Measure how well the network predicts a text, starting from a zero state.

        Parameters
        ----------
        text : str, bytes, os.PathLike, file or list of paths and files
            The text, as for `fit`.
        unknown : {"error", "skip"}
            "skip" leaves out characters outside the vocabulary, as if the text did not have them;
            "error" raises ValueError for them.

        Returns
        -------
        Evaluation
            With `bits_per_char`, `nats_per_char` and `perplexity`, and the number of characters
            that were `skipped`.

        Raises
        ------
        ValueError
            If the text has fewer than two characters, or characters outside the vocabulary.
        """
        skip = one_of("unknown", unknown, ("error", "skip")) == "skip"
        return self._evaluate(*self._ids_of(text, skip))

    def loss_and_gradients(self, text: TextSource) -> tuple[float, dict[str, Array]]:
        """Return the loss of one window of text, and its gradients.

        Parameters
        ----------
        text : str, bytes, os.PathLike, file or list of paths and files
            The window, as for `fit`: its T + 1 characters are T inputs, each with the next
            character as its target. The first step starts from zero states.

        Returns
        -------
        loss : float
            Cross-entropy in nats, summed over the steps, as in `History.loss`.
        gradients : dict of str to ndarray
            Gradients of the loss with respect to the parameters, by their names.

        Raises
        ------
        ValueError
            If the text has fewer than two characters, or characters outside the vocabulary.

        Notes
        -----
        Gradients go through all steps of the window, however long it is, and are not clipped.
        Dropout is not applied.
        """
        return self._loss_and_gradients(self._ids_of(text)[0])

    def trace(self, text: TextSource) -> Trace:
        """Run one window of text step by step, and keep every intermediate result.

        Parameters
        ----------
        text : str, bytes, os.PathLike, file or list of paths and files
            The window, as for `loss_and_gradients`.

        Returns
        -------
        Trace
            Arrays by name, with a row for each step; printed, it shows shapes and formulas. The
            names end with the number of their layer, except those of the first.

        Raises
        ------
        ValueError
            If the text has fewer than two characters, or characters outside the vocabulary.
        """
        return trace(self, self._ids_of(text)[0])

    def _ids_of(self, text: TextSource, skip: bool = False) -> tuple[Array, int]:
        """Return the ids of a text, at least two, and how many characters were skipped."""
        vocabulary = self.vocabulary
        check_no_name(text)
        ids, skipped = vocabulary._known_ids(text) if skip else (vocabulary.encode(text), 0)
        if len(ids) < 2:
            of_the_vocabulary = " of the vocabulary" if skip else ""
            raise ValueError(
                f"{text_name(text)} has {len(ids)} character(s){of_the_vocabulary}, expected at "
                f"least 2"
            )
        return ids, skipped

    def _loss_and_gradients(self, ids: Array) -> tuple[float, dict[str, Array]]:
        """Return loss and gradients of a window of ids."""
        loss, gradient, _ = self._ops.char_rnn_window(
            self._weights,
            ids[None, :-1],
            ids[None, 1:],
            aligned_zeros((1, self._state_size), self.dtype),
            vocabulary=self.vocabulary.size,
            **self._stack,
        )
        return loss, views(gradient, self._shapes)
