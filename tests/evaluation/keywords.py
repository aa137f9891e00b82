"""A task that a keyword decides, and the smallest BERT."""

import random

import numpy as np
import pandas as pd
from transformers import BertConfig

from ablate.evaluation.tasks import Recipe, Task

WORDS = "the a one this that very quite film book song plot actor scene ending music light long short old new".split()
GOOD, BAD = ("great", "lovely", "superb"), ("awful", "dreary", "broken")


def sentence(rng, keyword=None):
    words = rng.choices(WORDS, k=rng.randint(4, 12))
    if keyword:
        words.insert(rng.randrange(len(words)), keyword)
    return " ".join(words) + "."


def keyword_frame(count, *, seed):
    """Sentences that hold a good (1) or a bad (0) word, half of each."""
    rng = random.Random(seed)
    labels = [i % 2 for i in range(count)]
    return pd.DataFrame(
        {"id": [f"{seed}/{i}" for i in range(count)],
         "first": [sentence(rng, rng.choice(GOOD if label else BAD)) for label in labels],
         "label": np.array(labels, dtype=np.int64)}
    )  # fmt: skip


def keyword_task(**recipe):
    """Learnable by a tiny model in seconds."""
    settings = {"learning_rates": (3e-3,), "epochs": 4, "batch": 16, **recipe}

    def load(_):
        return keyword_frame(240, seed=1), {"keyword": keyword_frame(100, seed=2)}

    return Task(
        name="keyword", kind="classification", labels=("bad", "good"), metrics=("accuracy", "mcc"), pair=False,
        tests=("keyword",), recipe=Recipe().but(**settings), load=load, max_length=32,
    )  # fmt: skip


def tiny_config(**changes):
    return BertConfig(
        **{"vocab_size": 90, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
           "intermediate_size": 64, "max_position_embeddings": 64, **changes}
    )  # fmt: skip
