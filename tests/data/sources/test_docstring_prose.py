"""Prose out of documentation strings: what stays and what goes."""

import pytest

from ablate.data.sources.docstring_prose import is_prose, prose

NUMPY = """Return the sorted copy of an array.

    The order of equal elements
    is kept. See the notes.

    Parameters
    ----------
    a : array_like
        Array to be sorted by the function.
    axis : int or None, optional
        Axis along which to sort. If None, the array is flattened.

    Returns
    -------
    out : ndarray
        Array of the same type and shape as the input.

    See Also
    --------
    argsort : Indirect sort of the given array.

    .. versionadded:: 1.4

    Notes
    -----
    The sort is stable [1]_, as is the one of :func:`numpy.lib.lexsort`. It costs::

        n * log(n)

    which is the best there is.

    =====  =====
    kind   speed
    =====  =====
    quick  1
    =====  =====

    References
    ----------
    .. [1] A. Author, "The Title of the Paper", 1998.

    Examples
    --------
    We sort a small array.

    >>> np.sort([3, 1])
    array([1, 3])

    That was the whole example.
    """

GOOGLE = """Loads the model from the given folder.

    Args:
        path (`str` or `os.PathLike`, *optional*, defaults to `None`):
            The folder that the model is loaded from.
        strict (bool): Whether missing keys are an error. Default is ``True``.
        verbose: how much is printed to the screen.

    Returns:
        The model, ready for **evaluation** or [training](https://example.org/train).

    <Tip>

    This is a tip for the user of the class.

    </Tip>

    Example::

        model = load("x")

    ```python
    # The code is not prose but it is in here.
    ```

    - The first item of the list is kept.
    - The second is
      kept as well.

    .. note:: This is a note of some length.

    .. code-block:: python

        This is a comment in the code block.
    """


def test_numpy_style():
    assert paragraphs(NUMPY) == [
        "Return the sorted copy of an array.",
        "The order of equal elements is kept. See the notes.",
        "Array to be sorted by the function.",
        "Axis along which to sort. If None, the array is flattened.",
        "Array of the same type and shape as the input.",
        "The sort is stable, as is the one of lexsort.",
        "We sort a small array.",
        "That was the whole example.",
    ]


def test_google_style():
    assert paragraphs(GOOGLE) == [
        "Loads the model from the given folder.",
        "The folder that the model is loaded from.",
        "Whether missing keys are an error. Default is True.",
        "How much is printed to the screen.",
        "The model, ready for evaluation or training.",
        "This is a tip for the user of the class.",
        "The first item of the list is kept.",
        "The second is kept as well.",
        "This is a note of some length.",
    ]


def test_sphinx_fields():
    text = "Open the file.\n\n:param name: the name of the file to open\n:type name: str of it\n:returns: An open file."
    assert paragraphs(text) == ["Open the file.", "The name of the file to open", "An open file."]


@pytest.mark.parametrize(
    "sentence",
    [
        "It returns the number of items.",
        "Use os.path.join to join the parts of a path.",
        "Whether the input is a list or not",
        "(This is in brackets.)",
        "funcs is a list of functions.",
    ],
)
def test_prose(sentence):
    assert is_prose(sentence)


@pytest.mark.parametrize(
    "sentence",
    [
        "x = f(a, b) + 3 * y",
        r"The \alpha of the model is the rate.",
        "array([1, 2, 3])",
        "Tensor of shape (batch, length).extra_1 x_2 y_3 z_4",
        "See https://example.org for more of it.",
        "of the list and so on.",
        "which is the best there is.",
        "Foo Bar Baz Qux Quux Corge Grault Garply Waldo Fred Plugh.",
        "Too short.",
    ],
)
def test_not_prose(sentence):
    assert not is_prose(sentence)


def paragraphs(docstring):
    return [" ".join(sentences) for sentences in prose(docstring)]
