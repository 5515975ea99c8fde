"""The machine: files, disks, devices, processes, locks and environment."""
