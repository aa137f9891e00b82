"""An exported run is what transformers loads with the same numbers; a mistake leaves everything as it was."""

import json
import re
import shutil
import time

import pytest
import torch
import yaml
from conftest import TINY
from evaluation.keywords import keyword_frame
from safetensors.torch import load_file
from transformers import (
    AutoModel,
    AutoModelForMaskedLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BertForMaskedLM,
    pipeline,
)

from ablate.errors import UserError
from ablate.export import build_parser, export
from ablate.finetune import build_parser as finetune_parser
from ablate.finetune import finetune
from ablate.measure import build_parser as measure_parser
from ablate.measure import measure
from ablate.models.folder import load_encoder, load_tokenizer, longest_input, trained_input
from ablate.runs.record import read_result
from ablate.sweep import plan_jobs, run_planned

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
TEXTS = ["The cat sees the ship near the old mill.", "A dog keeps it.", "Rivers and letters"]
FITS = {"no_nsp": "bert", "full_sentences": "distilbert", "byte_bpe_without_types": "roberta"}
ARMS = {
    "no_nsp": ["+exp=no_nsp"], "bert": ["+exp=bert"], "full_sentences": ["+exp=full_sentences"],
    "byte_bpe_without_types": ["+exp=full_sentences", "tokenizer=byte_bpe", "tokenizer.vocab_size=300"],
}  # fmt: skip


def trained_length(directory):
    """The positions behind it have learnt nothing."""
    return json.loads((directory / "provenance.json").read_text())["identity"]["input"]["length"]


@pytest.fixture(scope="module")
def runs(texts, cache, tmp_path_factory):
    """The directory of a finished run of each arm, trained when it is first asked for."""
    root, made = tmp_path_factory.mktemp("outputs"), {}

    def directory(arm):
        if arm not in made:
            overrides = [
                "data=text", f"data.path={texts}", "data.validation_fraction=0.2", f"cache={cache}", *TINY, *ARMS[arm],
                f"hydra.run.dir={root}",
            ]  # fmt: skip
            (job,) = plan_jobs(overrides, multirun=False)
            assert run_planned(job, with_teacher=True).status == "ok"
            made[arm] = job.place.directory
        return made[arm]

    return directory


def write(directory, folder, *options):
    return export(build_parser().parse_args([str(directory), str(folder), *options]))


def inputs_of(folder):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    marked = [text.replace("ship", tokenizer.mask_token) for text in TEXTS]
    return tokenizer, tokenizer(marked, padding=True, return_tensors="pt")


@torch.no_grad()
def of_the_run(directory, inputs):
    """Hidden states and logits of the run's own model at the positions that are tokens."""
    model = BertForMaskedLM.from_pretrained(directory / "model").eval()
    hidden = model.bert(**inputs).last_hidden_state
    return hidden, model.cls.predictions(hidden)


def close(ours, theirs, inputs):
    attended = inputs["attention_mask"].bool()
    return torch.allclose(ours[attended], theirs[attended], atol=1e-5)


@pytest.mark.parametrize("arm", FITS)
@torch.no_grad()
def test_every_auto_class_loads_it_with_the_same_numbers(runs, tmp_path, arm):
    directory, folder = runs(arm), tmp_path / "mine"
    assert write(directory, folder) == 0
    tokenizer, inputs = inputs_of(folder)
    assert ("token_type_ids" in inputs) == (FITS[arm] == "bert")
    hidden, logits = of_the_run(directory, inputs)
    model = AutoModelForMaskedLM.from_pretrained(folder).eval()
    assert model.config.model_type == FITS[arm]
    assert type(model).__name__.lower() == f"{FITS[arm]}formaskedlm"
    assert close(model(**inputs).logits, logits, inputs)
    assert close(AutoModel.from_pretrained(folder).eval()(**inputs).last_hidden_state, hidden, inputs)
    classifier = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=2).eval()
    assert close(classifier(**inputs, output_hidden_states=True).hidden_states[-1], hidden, inputs)
    filled = pipeline("fill-mask", model=str(folder), device="cpu")(TEXTS[0].replace("ship", tokenizer.mask_token))
    at = int((inputs["input_ids"][0] == tokenizer.mask_token_id).nonzero())
    shares = torch.softmax(logits[0, at].double(), dim=-1)
    assert [one["token"] for one in filled] == shares.argsort(descending=True)[: len(filled)].tolist()
    assert [one["score"] for one in filled] == pytest.approx(shares.sort(descending=True).values[:5].tolist(), abs=1e-5)


@pytest.mark.parametrize("kind", ["bert", "roberta", "distilbert"])
@pytest.mark.parametrize("arm", ["full_sentences", "byte_bpe_without_types"])
@torch.no_grad()
def test_without_token_types_every_class_can_be_asked_for(runs, tmp_path, arm, kind):
    write(runs(arm), tmp_path / "mine", "--as", kind)
    _, inputs = inputs_of(tmp_path / "mine")
    assert "token_type_ids" not in inputs
    model = AutoModelForMaskedLM.from_pretrained(tmp_path / "mine").eval()
    assert model.config.model_type == kind
    assert close(model(**inputs).logits, of_the_run(runs(arm), inputs)[1], inputs)


@torch.no_grad()
def test_roberta_holds_token_types_and_distilbert_does_not(runs, tmp_path):
    write(runs("no_nsp"), tmp_path / "mine", "--as", "roberta")
    _, inputs = inputs_of(tmp_path / "mine")
    inputs["token_type_ids"][:, 4:] = 1
    model = AutoModelForMaskedLM.from_pretrained(tmp_path / "mine").eval()
    assert close(model(**inputs).logits, of_the_run(runs("no_nsp"), inputs)[1], inputs)
    with pytest.raises(UserError, match=r"^--as distilbert: DistilBERT has no token types, this model has 2"):
        write(runs("no_nsp"), tmp_path / "other", "--as", "distilbert")
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_a_trained_pooler_is_kept(runs, tmp_path):
    write(runs("bert"), tmp_path / "mine")
    loaded, found = AutoModel.from_pretrained(tmp_path / "mine", output_loading_info=True)
    assert not found["missing_keys"]
    trained = load_file(runs("bert") / "model" / "model.safetensors")["bert.pooler.dense.weight"]
    assert torch.equal(loaded.pooler.dense.weight, trained)


def test_a_mask_stands_for_a_word_with_its_space(runs, tmp_path):
    write(runs("byte_bpe_without_types"), tmp_path / "mine")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "mine")
    ids = tokenizer("the <mask> sees", add_special_tokens=False)["input_ids"]
    words = [tokenizer(word, add_special_tokens=False)["input_ids"] for word in ("the", "<mask>", "sees")]
    assert ids == [id_ for word in words for id_ in word]
    assert tokenizer.model_max_length == trained_length(runs("byte_bpe_without_types")) < 512


def test_the_card_says_what_it_is(runs, tmp_path):
    write(runs("full_sentences"), tmp_path / "mine")
    card, record = (tmp_path / "mine" / "README.md").read_text(), read_result(runs("full_sentences"))
    _, header, body = card.split("---\n", 2)
    assert yaml.safe_load(header) == {
        "library_name": "transformers", "pipeline_tag": "fill-mask", "tags": ["ablate", "distilbert"],
    }  # fmt: skip
    assert f"run `{record.run_id}`" in body
    assert "full sentences packed across documents" in body
    changed = re.findall(r"^\| `([a-z_.]+)` \| `?(.*?)`? \| `?(.*?)`? \|$", body, flags=re.MULTILINE)
    assert ("nsp", "True", "False") in changed
    assert ("model.token_types", "True", "False") in changed
    assert not any(key.startswith(("data.", "scale.", "budget.")) for key, _, _ in changed)
    assert f"| `val/mlm_loss` | {record.metrics['val/mlm_loss']:.4f} |" in body
    assert f"{record.metrics['train/tokens']:,.0f} tokens" in body
    fingerprint = json.loads((runs("full_sentences") / "provenance.json").read_text())["data_fingerprint"]
    assert fingerprint in body
    assert "little beyond word frequencies" in body


@pytest.mark.parametrize(
    ("dirty", "words"), [(False, ""), (True, ", changed"), (None, ", whether changed is not known")]
)
def test_the_card_says_which_code_it_was(dirty, words, runs, tmp_path):
    run = shutil.copytree(runs("full_sentences"), tmp_path / "run")
    provenance = json.loads((run / "provenance.json").read_text())
    provenance["sessions"][0] |= {"git_sha": "abc", "git_dirty": dirty}
    (run / "provenance.json").write_text(json.dumps(provenance))
    write(run, tmp_path / "mine")
    assert f" at commit `abc`{words}.\n" in (tmp_path / "mine" / "README.md").read_text()


def test_the_example_in_the_card_runs(runs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(runs("full_sentences"), "mine")
    code = re.search(r"```python\n(.*?)```", (tmp_path / "mine" / "README.md").read_text(), flags=re.DOTALL).group(1)
    assert '"mine"' in code
    names = {}
    exec(code, names)
    assert names["model"].config.model_type == "distilbert"


@pytest.mark.parametrize("kind", ["roberta", "distilbert"])
@torch.no_grad()
def test_what_is_exported_is_evaluated_like_the_run(runs, tmp_path, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)
    write(runs("full_sentences"), "mine", "--as", kind)
    _, inputs = inputs_of(tmp_path / "mine")
    encoder = load_encoder(tmp_path / "mine", attention="eager").eval()
    hidden = encoder.hidden_states(inputs["input_ids"], inputs["attention_mask"].bool(), None)
    assert close(hidden, of_the_run(runs("full_sentences"), inputs)[0], inputs)
    assert trained_input(encoder.config, tmp_path / "mine") == trained_length(runs("full_sentences"))
    assert longest_input(encoder.config) == 512
    assert load_tokenizer(tmp_path / "mine", vocabulary=150)[1] == 0


def test_a_users_table_on_an_exported_folder(runs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(runs("byte_bpe_without_types"), "mine")
    for split, seed in (("train", 1), ("test", 2)):
        frame = keyword_frame(40, seed=seed)
        frame.assign(label=frame["label"].map({0: "bad", 1: "good"})).to_csv(f"{split}.csv", index=False)
    asked = [
        "model=mine", "task=custom", "task.train=train.csv", "task.tests.custom=test.csv", "task.text=[first]",
        "task.labels=[bad,good]", "finetuning.seeds=1", "finetuning.epochs=1", "finetuning.learning_rates=[1e-3]",
        "trainer.threads=1", "trainer.accelerator=cpu", f"cache={tmp_path}", "length=32", "out=scores",
    ]  # fmt: skip
    assert finetune(finetune_parser().parse_args(asked)) == 0
    kept = json.loads((tmp_path / "scores" / "downstream.json").read_text())["metrics"]
    assert {"custom/accuracy", "probe/custom/accuracy"} <= kept.keys()
    measured = ["model=mine", "length=16", "trainer.threads=1", "trainer.accelerator=cpu", "out=speed.json"]
    assert measure(measure_parser().parse_args(measured)) == 0
    own = read_result(runs("byte_bpe_without_types")).metrics
    speed = json.loads((tmp_path / "speed.json").read_text())
    assert speed["params"] == own["params"] + 128  # RoBERTa's row of positions for padding
    assert speed["latency_ms"] > 0


def test_a_run_that_is_measured_says_where(runs, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    run = tmp_path / "measured"
    shutil.copytree(runs("no_nsp"), run)
    asked = [f"model={run}", "length=16", "trainer.threads=1", "trainer.accelerator=cpu"]
    assert measure(measure_parser().parse_args(asked)) == 0
    assert read_result(run).metrics["latency_ms/length"] == 16
    assert len(json.loads((run / "provenance.json").read_text())["sessions"]) == 2


def test_what_is_there_is_never_lost(runs, tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    write(runs("no_nsp"), folder)
    before = (folder / "model.safetensors").read_bytes()
    with pytest.raises(UserError, match="holds a model already; --force replaces it"):
        write(runs("full_sentences"), folder)
    assert (folder / "model.safetensors").read_bytes() == before
    assert write(runs("full_sentences"), folder, "--force") == 0
    assert json.loads((folder / "config.json").read_text())["model_type"] == "distilbert"
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "diary.txt").write_text("dear diary")
    with pytest.raises(UserError, match="holds other things than a model"):
        write(runs("no_nsp"), tmp_path / "notes", "--force")
    assert (tmp_path / "notes" / "diary.txt").exists()
    for inside in (runs("no_nsp") / "model", runs("no_nsp").parent):
        with pytest.raises(UserError, match="the run's own directory"):
            write(runs("no_nsp"), inside, "--force")


def test_a_fault_leaves_the_old_folder_and_no_half_of_a_new_one(runs, tmp_path, monkeypatch):
    folder = tmp_path / "mine"
    write(runs("no_nsp"), folder)

    def broken(*_, **__):
        raise OSError("no space left on device")

    monkeypatch.setattr("ablate.runs.card.model_card", broken)
    with pytest.raises(OSError, match="no space"):
        write(runs("full_sentences"), folder, "--force")
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
    assert json.loads((folder / "config.json").read_text())["model_type"] == "bert"


def test_a_shared_run_is_exported_under_its_own_name(runs, tmp_path):
    shared = tmp_path / "study" / "same" / "seed-0"
    shared.mkdir(parents=True)
    plain = json.loads((runs("no_nsp") / "result.json").read_text())
    plain |= {"arm": "same", "study": "study", "shared_from": str(runs("no_nsp"))}
    (shared / "result.json").write_text(json.dumps(plain))
    write(shared, tmp_path / "mine")
    assert "# same, seed 0" in (tmp_path / "mine" / "README.md").read_text()


@pytest.mark.parametrize(
    ("status", "says"),
    [("diverged", "this run diverged: loss is nan"), (None, "has no model folder"), ("gone", "no such folder")],
)
def test_what_cannot_be_exported(runs, tmp_path, status, says):
    directory = tmp_path / "run"
    if status != "gone":
        directory.mkdir()
        (directory / "provenance.json").write_text("{}")
    if status == "diverged":
        plain = json.loads((runs("no_nsp") / "result.json").read_text())
        (directory / "result.json").write_text(json.dumps({**plain, "status": status, "reason": "loss is nan"}))
    with pytest.raises(UserError, match=f"^run={directory}: .*{says}"):
        write(directory, tmp_path / "mine")
    assert not (tmp_path / "mine").exists()


@pytest.mark.parametrize(
    ("file", "content", "says"),
    [
        ("config.json", {"model_type": "gru"}, "model_type=gru: must be one of bert, roberta, distilbert"),
        ("tokenizer.json", None, "the tokenizer has 300 tokens, the model only 150 embeddings"),
    ],
)
def test_a_run_of_something_else(runs, tmp_path, file, content, says):
    directory = tmp_path / "run"
    shutil.copytree(runs("no_nsp"), directory)
    other = (runs("byte_bpe_without_types") / "model" / file).read_text()
    (directory / "model" / file).write_text(other if content is None else json.dumps(content))
    with pytest.raises(UserError, match=f"^run={directory}/model: {says}") as caught:
        write(directory, tmp_path / "mine")
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_a_model_folder_is_no_run(runs, tmp_path):
    with pytest.raises(UserError, match="but not a run's directory"):
        write(runs("no_nsp") / "model", tmp_path / "mine")


def test_a_wrong_class_is_one_line_and_exit_code_2(command, tmp_path):
    done = command("somewhere", "mine", "--as", "gpt", module="ablate.export")
    assert done.returncode == 2
    assert re.fullmatch(r"ablate: argument --as: invalid choice: 'gpt' .*bert.*; see --help\n", done.stderr)


def test_help_is_quick(command):
    started = time.perf_counter()
    done = command("--help", module="ablate.export")
    assert done.returncode == 0 and "examples:" in done.stdout
    assert time.perf_counter() - started < 1.5
