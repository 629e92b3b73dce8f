import pytest
from engine.boot_faults import boot_fault
from faults import Fault, shot_fault


class ValidationError(ValueError):
    """What pydantic's error has to say."""

    def __init__(self, message: str, loc: tuple[str, ...] = (), found: object = None) -> None:
        super().__init__(f"1 validation error for ModelConfig\n  {message}")
        self.message, self.loc, self.found = message, loc, found

    def errors(self) -> list[dict[str, object]]:
        return [{"msg": self.message, "loc": self.loc, "input": self.found}]


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (
            ValidationError(
                "Value error, The checkpoint you are trying to load has model type `foo`"
                " but Transformers does not recognize this architecture."
            ),
            "unsupported",
            "vLLM knows no model_type 'foo'",
        ),
        (
            ValidationError("Value error, Model architectures ['Foo'] are not supported for now."),
            "unsupported",
            "vLLM knows no model class ['Foo']",
        ),
        (
            ValidationError("Input should be 'auto' or 'half'", ("dtype", "literal"), "int7"),
            "unsupported",
            "vLLM refused: dtype: input should be 'auto' or 'half' (found 'int7')",
        ),
        (
            ValueError("Class validation error for 'x':\n    ValueError: The hidden size is odd."),
            "unsupported",
            "vLLM refused: The hidden size is odd",
        ),
        (
            RuntimeError("Unsupported CPU attention configuration: head_dim=16 isa=2"),
            "unsupported",
            "vLLM's CPU attention does not support head_dim 16",
        ),
        (
            ValueError(
                "The quantization method modelopt_fp4 is not supported for the current GPU. Minimum"
                " capability: 75. Current capability: 70."
            ),
            "unsupported",
            "vLLM's modelopt_fp4 needs a device of compute capability 75 or above, this one has 70",
        ),
        (
            ValueError("No common block size for 16 (CPU_ATTN: [MultipleOf(32)])."),
            "unsupported",
            "the attention cannot have KV blocks of 16 tokens (CPU_ATTN: [MultipleOf(32)]):"
            " leave block_size null",
        ),
        (
            ValueError("Available memory on node 0 (9.11/9.84 GiB) is less than requested"),
            "out_of_memory",
            "the KV pool does not fit into the device's memory",
        ),
        (
            RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"),
            "out_of_memory",
            "the model does not fit into the device's memory",
        ),
        (
            RuntimeError("CUDA error: an illegal memory access was encountered\nCompile with"),
            "engine_dead",
            "the device failed: an illegal memory access was encountered",
        ),
        (AssertionError(), "unsupported", "vLLM refused: AssertionError"),
        (Fault("bad_request", "no"), "bad_request", "no"),
    ],
)
def test_a_failed_boot_is_one_clear_sentence(error: Exception, kind: str, message: str) -> None:
    fault = boot_fault(error)
    assert (fault.kind, fault.message) == (kind, message)


def test_a_failed_boot_keeps_the_engines_own_words() -> None:
    assert boot_fault(ValueError("first.\nsecond.")).detail == "ValueError: first.\nsecond."


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), "out_of_memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: 12"), "out_of_memory"),
        (RuntimeError("CUDA error: an illegal memory access was encountered"), "engine_dead"),
        (AssertionError(), "engine_dead"),
        (Fault("infeasible", "too long"), "infeasible"),
    ],
)
def test_only_known_failures_of_a_shot_leave_the_engine_alive(error: Exception, kind: str) -> None:
    assert shot_fault(error).kind == kind


def test_an_error_without_words_is_told_by_the_line_that_raised_it() -> None:
    with pytest.raises(AssertionError) as raised:
        assert_nothing(0)
    line = raised.traceback[-1].lineno + 1
    reason = f"AssertionError in faults_test.py, line {line}: raise AssertionError  # of heads"
    assert shot_fault(raised.value).message == f"the forward failed: {reason}"
    assert boot_fault(raised.value).message == f"vLLM refused: {reason}"


def assert_nothing(heads: int) -> None:
    if heads < 1:
        raise AssertionError  # of heads
