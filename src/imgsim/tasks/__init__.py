"""The jobs that a user asks for, a file or folder each; they join the stages."""
