"""Work that outlives a request: running an evaluation, and resuming it after a crash."""
