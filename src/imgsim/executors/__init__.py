"""Where batches run: in worker processes, or in threads of this one."""
