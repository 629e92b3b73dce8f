from timing.profiler import PREFIX, Session


def test_a_recording_has_our_ranges_and_no_operators_and_can_be_followed_by_another() -> None:
    import torch
    from torch.autograd.profiler import record_function

    session = Session("CPU")
    for name in ("one", "two"):
        session.start()
        with record_function(f"{PREFIX}{name}"):
            torch.ones(8).sum()
        events = [event for event in session.stop() if event[0].startswith((PREFIX, "aten"))]
        ((found, on_device, _, start, duration),) = events
        assert (found, on_device) == (f"{PREFIX}{name}", False)
        assert start > 0
        assert duration > 0
