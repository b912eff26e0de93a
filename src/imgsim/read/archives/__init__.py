"""Pictures in zip and tar archives, read where they lie."""
