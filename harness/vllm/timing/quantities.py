"""Which quantities a device can give, the preferred one first."""

QUANTITIES = {
    "cpu": ("wall",),
    "cuda": ("kernel", "event", "wall"),
    "xpu": ("kernel", "wall"),
}
"""By torch's name of the device. ROCm calls itself cuda and has the same calls; it and XPU were not tried."""
