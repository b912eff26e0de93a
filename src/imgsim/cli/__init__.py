"""The command line: it calls the pipeline and prints, and holds no logic of its own."""
