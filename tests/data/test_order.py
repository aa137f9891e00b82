"""Selection and order of documents, and the plan of updates, against walks through the whole stream."""

import numpy as np
import pytest
from synthetic_store import flat_store, random_documents, store_of

from ablate.data.hashing import mix
from ablate.data.order import UpdatePlan, order_documents, select_documents
from ablate.errors import UserError


@pytest.fixture(scope="module")
def store():
    return store_of(random_documents(num_documents=200))


def make_plan(num_sequences=300, longest=40, batch_tokens=250, seed=5):
    rng = np.random.default_rng(num_sequences)
    return UpdatePlan(
        lengths=rng.integers(3, longest + 1, size=num_sequences),
        keys=rng.integers(0, 2**63, size=num_sequences, dtype=np.uint64),
        batch_tokens=batch_tokens,
        seed=seed,
    )


def walk_stream(plan, updates):
    """Update after update by counting positions one sequence after the other."""
    made = [[] for _ in range(updates)]
    position, epoch = 0, 0
    while True:
        order = sorted(range(len(plan.keys)), key=lambda i: int(mix(plan.seed, epoch, plan.keys[i : i + 1])[0]))
        for index in order:
            if position // plan.batch_tokens >= updates:
                return made, position
            made[position // plan.batch_tokens].append((index, epoch))
            position += int(plan.lengths[index])
        epoch += 1


# ---- documents ----


def test_fractions_are_nested_and_never_more_than_asked(store):
    sizes = np.diff(store.document_tokens())
    previous = np.arange(0)
    for fraction in (1e-9, 0.01, 0.03, 0.1, 0.3, 0.7, 1.0):
        chosen = select_documents(store, fraction=fraction)
        assert chosen[: len(previous)].tolist() == previous.tolist()
        assert len(chosen) == 1 or sizes[chosen].sum() <= fraction * sizes.sum()
        following = np.setdiff1d(np.arange(len(sizes)), chosen)
        if len(following) and len(chosen) > 1:
            assert sizes[chosen].sum() + sizes.max() > fraction * sizes.sum()
        previous = chosen
    assert sorted(previous) == list(range(store.num_documents))


def test_a_fraction_takes_documents_evenly():
    store = flat_store()
    chosen = select_documents(store, fraction=0.3)
    assert abs(np.mean(chosen) / store.num_documents - 0.5) < 0.03
    sizes = np.diff(store.document_tokens())
    assert abs(sizes[chosen].mean() / sizes.mean() - 1) < 0.05


def test_selection_hangs_on_ids_not_on_places(store):
    documents, names = random_documents(num_documents=50), [f"doc-{i}" for i in range(50)]
    turned = store_of(documents[::-1], names[::-1])
    one = select_documents(store_of(documents, names), fraction=0.4)
    two = select_documents(turned, fraction=0.4)
    assert [names[i] for i in one] == [turned.document_ids[i] for i in two]


@pytest.mark.parametrize("fraction", [0.0, -0.5, 1.01, float("nan"), float("inf")])
def test_fraction_must_be_a_share(store, fraction):
    with pytest.raises(UserError, match=r"data\.fraction="):
        select_documents(store, fraction=fraction)


def test_order_is_a_permutation_of_the_seed_alone(store):
    documents = select_documents(store, fraction=0.5)
    one = order_documents(store, documents, seed=1)
    assert sorted(one) == sorted(documents)
    assert one.tolist() == order_documents(store, np.sort(documents), seed=1).tolist()
    assert one.tolist() != order_documents(store, documents, seed=2).tolist()
    fewer = order_documents(store, documents[:20], seed=1)
    assert fewer.tolist() == [d for d in one if d in set(documents[:20])]


# ---- updates ----


@pytest.mark.parametrize(("num_sequences", "batch_tokens"), [(300, 250), (300, 40), (7, 1000), (1, 40), (50, 1075)])
def test_updates_are_those_of_a_walk_through_the_stream(num_sequences, batch_tokens):
    plan = make_plan(num_sequences, batch_tokens=batch_tokens)
    expected, position = walk_stream(plan, 40)
    for number in reversed(range(40)):  # found without the earlier ones
        indices, epochs = plan.update(number)
        assert list(zip(indices.tolist(), epochs.tolist(), strict=True)) == expected[number]
        assert expected[number]
    assert plan.tokens_until(40) == position


def test_each_epoch_is_a_permutation_and_a_new_one():
    plan = make_plan()
    updates = -(-3 * plan.epoch_tokens // plan.batch_tokens)
    indices, epochs = (np.concatenate(part) for part in zip(*map(plan.update, range(updates)), strict=True))
    orders = [indices[epochs == epoch].tolist() for epoch in range(3)]
    for order in orders:
        assert sorted(order) == list(range(len(plan.keys)))
    assert orders[0] != orders[1] != orders[2]
    together = np.corrcoef(np.argsort(orders[0]), np.argsort(orders[1]))[0, 1]
    assert abs(together) < 4 / np.sqrt(len(plan.keys))


def test_updates_hold_equal_blocks():
    plan = make_plan()
    for number in range(200):
        until = plan.tokens_until(number)
        assert 0 <= until - number * plan.batch_tokens < plan.longest
        indices, _ = plan.update(number)
        assert plan.tokens_until(number + 1) - until == plan.lengths[indices].sum()


def test_a_fresh_plan_resumes_at_the_same_update():
    old, new = make_plan(), make_plan()
    for number in range(100):
        old.update(number)
    for one, two in zip(old.update(100), new.update(100), strict=True):
        assert one.tolist() == two.tolist()


def test_order_of_common_sequences_is_shared():
    """Two sequences keep their order when others come or go (common random numbers over data fractions)."""
    whole = make_plan()
    half = UpdatePlan(lengths=whole.lengths[:150], keys=whole.keys[:150], batch_tokens=250, seed=whole.seed)
    first = [np.concatenate([plan.update(u)[0] for u in range(10)]) for plan in (whole, half)]
    common = [i for i in first[0] if i < 150]
    assert first[1][: len(common)].tolist() == common


def test_seed_changes_the_order():
    assert make_plan(seed=1).update(0)[0].tolist() != make_plan(seed=2).update(0)[0].tolist()


def test_an_update_must_hold_the_longest_sequence():
    lengths, keys = np.array([10, 64, 3]), np.arange(3, dtype=np.uint64)
    UpdatePlan(lengths=lengths, keys=keys, batch_tokens=64, seed=0)
    with pytest.raises(UserError, match=r"optim\.batch_tokens=63 .*64 positions"):
        UpdatePlan(lengths=lengths, keys=keys, batch_tokens=63, seed=0)
    with pytest.raises(UserError, match="no training sequence"):
        UpdatePlan(lengths=lengths[:0], keys=keys[:0], batch_tokens=64, seed=0)
