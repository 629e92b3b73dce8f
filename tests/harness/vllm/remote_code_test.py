"""Configurations that name code of their own."""

from client import Client, dense
from models import boot


def test_code_that_a_configuration_names_is_not_run(worker: Client) -> None:
    code = {"AutoConfig": "nowhere/nothing--configuration.Config", "AutoModelForCausalLM": "modeling.Model"}
    booted = worker.boot(boot("qwen3", changes={"auto_map": code}))
    assert booted["type"] == "booted", booted
    (answer,) = worker.fire(dense(4))
    assert answer["type"] == "result", answer
