import pytest
from engine.control_groups import free_bytes

MIB = 1 << 20
V1 = "/sys/fs/cgroup/memory"
V2 = "/sys/fs/cgroup"

CASES: dict[str, tuple[dict[str, str], int | None]] = {
    "no control groups": ({}, None),
    "a machine without limits": (
        {"/proc/self/cgroup": "0::/user.slice/session-1.scope\n", f"{V2}/user.slice/memory.max": "max\n"},
        None,
    ),
    "a container, which sees its own group alone": (
        {
            "/proc/self/cgroup": "0::/\n",
            f"{V2}/memory.max": f"{8000 * MIB}\n",
            f"{V2}/memory.current": f"{3000 * MIB}\n",
            f"{V2}/memory.stat": f"anon 5\ninactive_file {1000 * MIB}\nactive_file 7\n",
        },
        6000 * MIB,
    ),
    "a job whose step has no limit of its own": (
        {
            "/proc/self/cgroup": "0::/slurm/job_7/step_0\n",
            f"{V2}/slurm/job_7/step_0/memory.max": "max\n",
            f"{V2}/slurm/job_7/memory.max": f"{8000 * MIB}\n",
            f"{V2}/slurm/job_7/memory.current": f"{500 * MIB}\n",
        },
        7500 * MIB,
    ),
    "a container by the first version, whose path is the host's": (
        {
            "/proc/self/cgroup": "5:cpu,cpuacct:/docker/abc\n4:memory:/docker/abc\n0::/\n",
            f"{V1}/memory.limit_in_bytes": f"{4000 * MIB}\n",
            f"{V1}/memory.usage_in_bytes": f"{3500 * MIB}\n",
            f"{V1}/memory.stat": f"inactive_file 1\ntotal_inactive_file {500 * MIB}\n",
        },
        1000 * MIB,
    ),
    "a group that is over its limit": (
        {"/proc/self/cgroup": "0::/\n", f"{V2}/memory.max": "100", f"{V2}/memory.current": "120"},
        0,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_the_groups_leave_is_the_least_that_one_of_them_leaves(case: str) -> None:
    files, free = CASES[case]
    assert free_bytes(files.get) == free
