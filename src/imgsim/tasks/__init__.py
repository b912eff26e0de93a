"""What a user asks for, a file or folder each; tasks join the stages."""
